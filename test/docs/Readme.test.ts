import * as OpenApi from "@effect/platform/OpenApi"
import { expect, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { freePorts } from "../../src/demo/FreePorts.ts"
import { deviceApi } from "../../src/http/DeviceApiDescription.ts"
import { blocksOf, examplesOf, patternOf, readDocument } from "./Markdown.ts"
import { lacking, newcomer } from "./Newcomer.ts"

const readme = readDocument("README.md")
const missing = lacking(["bash", "curl", "openssl"])
/** The slow ones spend their time waiting. */
const BESIDE = { concurrent: true, timeout: 60_000 }
const suffix = missing.length === 0 ? "" : ` (SKIPPED: this machine has no ${missing.join(", ")})`

it.scopedLive.skipIf(missing.length > 0)(
  `what README.md says of a phone's requests is what they answer${suffix}`,
  () =>
    Effect.gen(function* () {
      const ports = yield* freePorts(4)
      const here = (text: string) =>
        ["8080", "8081", "8090", "8091"].reduce(
          (moved, port, i) => moved.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${ports[i]}`),
          text
        )
      const [service, admin, exchange, cns] = ports
      const reader = yield* newcomer({
        ENS_PORT: `${service}`,
        ENS_ADMIN_PORT: `${admin}`,
        // A pool of 500 keys would only keep the processor busy.
        ENS_KEYPOOL_BATCH: "2",
        ENS_KEYPOOL_THRESHOLD: "1"
      })
      const terminals = blocksOf(readme).filter(({ use }) => use === "terminal")
      const printed = yield* Effect.forEach(terminals, ({ text }) =>
        reader.terminal(
          here(text)
            .replace(/sandbox exchange$/m, `$& --port ${exchange}`)
            .replace(/sandbox cns$/m, `$& --port ${cns}`)
        )
      )
      yield* Effect.forEach(
        [
          `http://127.0.0.1:${service}/readyz`,
          `http://127.0.0.1:${exchange}/sandbox/state`,
          `http://127.0.0.1:${cns}/sandbox/state`
        ],
        answers,
        { concurrency: 3 }
      ).pipe(
        Effect.timeoutFail({
          duration: "25 seconds",
          onTimeout: () => new Error(`not up:\n${printed.map((text) => text()).join("\n")}`)
        })
      )

      const examples = examplesOf(readme)
      const script = examples.map((one) => `${here(one.script)}printf '${SEPARATOR}'`)
      const { code, out, err } = yield* reader.bash(["set -e", ...script].join("\n"))
      expect(err).toBe("")
      const answered = out.split(SEPARATOR)
      for (const [i, example] of examples.entries()) {
        expect(answered[i]?.trim(), example.script).toMatch(patternOf(here(example.answer ?? "")))
      }
      expect(code).toBe(0)
    }),
  BESIDE
)

it.scopedLive.skipIf(missing.length > 0)(
  `the demo prints what README.md shows${suffix}`,
  () =>
    Effect.gen(function* () {
      const [shown] = blocksOf(readme).filter(({ use }) => use === "demo")
      const reader = yield* newcomer({})
      const { code, out, err } = yield* reader.bash("npm run -s demo")
      expect(err).toBe("")
      expect(code).toBe(0)
      expect(linesOf(out)).toEqual(linesOf(shown?.text ?? ""))
    }),
  BESIDE
)

it("README.md has an example of every request of the device API", () => {
  const scripts = examplesOf(readme).map(({ script }) => script)
  const names = Object.keys(OpenApi.fromApi(deviceApi([])).paths).map((path) => path.replace(/^.*\//, ""))
  expect(names).toContain("registerdevicev2")
  for (const name of names) expect(scripts.join("\n")).toContain(name)
})

/** No program prints it. */
const SEPARATOR = "\u001e"

/** Until the URL answers 200. */
const answers = (url: string) =>
  Effect.tryPromise(async (signal) => {
    const response = await fetch(url, { signal })
    if (!response.ok) throw new Error(`${response.status}`)
  }).pipe(
    Effect.retry(Schedule.spaced("100 millis")),
    Effect.orElseSucceed(() => undefined)
  )

/** Without what differs each time: ports, latencies, and who of several was first. */
const linesOf = (text: string): ReadonlyArray<string> =>
  text
    .trim()
    .split("\n")
    .map((line) =>
      line
        .replace(/127\.0\.0\.1:\d+/, "127.0.0.1:N")
        .replace(/^ +\d+ ms/, "N ms")
        .replace(/again: (Unconfirmed|Active)$/, "again: live")
    )
    .sort()
