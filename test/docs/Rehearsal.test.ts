import { expect, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { freePorts } from "../../src/demo/FreePorts.ts"
import { makeApns } from "../../src/sandbox/Apns.ts"
import { makeExchange } from "../../src/sandbox/Exchange.ts"
import { makeFcm } from "../../src/sandbox/Fcm.ts"
import { newKey } from "../../src/sandbox/KeyFile.ts"
import { PushFault } from "../../src/sandbox/PushFaults.ts"
import { selfMade } from "../../src/sandbox/SelfMadeCertificate.ts"
import { makeSns } from "../../src/sandbox/Sns.ts"
import { blocksOf, patternOf, readDocument } from "./Markdown.ts"
import { lacking, newcomer } from "./Newcomer.ts"

const page = readDocument("docs/rehearsal.md")
const [exchangesPart = "", pushPart = ""] = page.split("\n## Push gateways\n")
const missing = lacking(["bash", "curl", "openssl"])
/** Most of it is waiting. */
const whySkipped =
  process.env["ENS_REHEARSE"] !== "1"
    ? "it takes 4 minutes; set ENS_REHEARSE=1"
    : missing.length > 0
      ? `this machine has no ${missing.join(", ")}`
      : undefined
if (whySkipped !== undefined) console.warn(`SKIPPED: docs/rehearsal.md is not run as a whole: ${whySkipped}`)
const suffix = whySkipped === undefined ? "" : ` [SKIPPED: ${whySkipped}]`
const PATIENCE = { timeout: 600_000 }

it.scopedLive("every command that docs/rehearsal.md has for the Exchange stand-in is one that it takes", () =>
  Effect.gen(function* () {
    const addresses = new Set(page.match(/\b[\w.]+@[\w.]+\w/g))
    const exchange = yield* makeExchange({
      otherPort: 0,
      controlPort: 0,
      mailboxes: [...addresses].map((address) => ({ address, password: "secret" }))
    })
    const said = [...page.matchAll(/say (\w+) '(\{.*?\})'/g)].map(([, name = "", body = ""]) => [name, body])
    const named = [...exchangesPart.matchAll(/`(\{"kind": .*?\})`/g)].map(([, body = ""]) => ["faults", body])
    expect(said.length).toBeGreaterThan(20)
    expect(named.length).toBeGreaterThan(5)
    for (const [name = "", body = ""] of [...said, ...named]) {
      // The table leaves out who is meant.
      const whole = body.includes("forgetEvents") ? body.replace("}", ', "user": "old@example.com"}') : body
      const answer = yield* Effect.promise(() =>
        fetch(`${exchange.controlUrl}/${name}`, { method: "POST", body: whole })
      )
      expect([name, body, answer.status]).toEqual([name, body, 200])
    }
  })
)

it.scopedLive("every command that docs/rehearsal.md has for the push gateways is one that they take", () =>
  Effect.gen(function* () {
    const tls = selfMade(["127.0.0.1"], 1)
    const key = newKey("rsa")
    const standIns = {
      apple: yield* makeApns({ tls }),
      google: yield* makeFcm({ tls, key }),
      amazon: yield* makeSns()
    }
    const said = [...pushPart.matchAll(/^(apple|google|amazon) '(\{.*?\})'/gm)]
    const named = [...pushPart.matchAll(/^\| `(\{"kind": .*?\})`/gm)].flatMap(([, body = ""]) =>
      Object.keys(standIns).map((name) => ["", name, body] as const)
    )
    expect(said.length).toBeGreaterThan(4)
    const kinds = PushFault.members.map((fault) => fault.fields.kind.literals[0])
    for (const kind of kinds) expect(named.map(([, , body]) => JSON.parse(body).kind)).toContain(kind)
    const asked = [...said, ...named].map(([, name = "", body = ""]) => [name, "faults", body] as const)
    const made = [...pushPart.matchAll(/^endpoint '(\{.*?\})'/gm)].map(([, body = ""]) => body)
    expect(made).toHaveLength(1)
    for (const [name, command, body] of [
      ...asked,
      ...made.map((body) => ["amazon", "endpoints", body] as const)
    ]) {
      const { controlUrl } = standIns[name as keyof typeof standIns]
      const answer = yield* Effect.promise(() => fetch(`${controlUrl}/${command}`, { method: "POST", body }))
      expect([name, body, answer.status]).toEqual([name, body, 200])
    }
  })
)

it.scopedLive.skipIf(whySkipped !== undefined)(
  `what docs/rehearsal.md says of trouble is what happens${suffix}`,
  () =>
    Effect.gen(function* () {
      const ports = yield* freePorts(PORTS.length)
      const here = (text: string) =>
        PORTS.reduce((moved, port, i) => moved.replaceAll(port, `${ports[i]}`), text)
      const blocks = blocksOf(page).map((block) => ({ ...block, text: here(block.text) }))
      const of = (port: string) => ports[PORTS.indexOf(port)]
      const reader = yield* newcomer({
        ENS_PORT: `${of("8080")}`,
        ENS_ADMIN_PORT: `${of("8081")}`,
        ENS_LOG_FORMAT: "pretty",
        // A pool of 500 keys would only keep the processor busy.
        ENS_KEYPOOL_BATCH: "2",
        ENS_KEYPOOL_THRESHOLD: "1"
      })
      const script = blocks.flatMap(({ use, text }) => {
        if (use === "terminal")
          return [`(${text.trim().replace(/sandbox cns$/, `$& --port ${of("8091")}`)}) >> log.txt 2>&1 &`]
        return use === "run" ? [text, `printf '${SEPARATOR}'`] : []
      })
      const printed = yield* reader.terminal(
        [...script, `cat log.txt; printf '${END}'; sleep 1000`].join("\n")
      )
      yield* Effect.sync(printed).pipe(
        Effect.repeat({ until: (text) => text.includes(END), schedule: Schedule.spaced("200 millis") }),
        Effect.timeoutFail({
          duration: "590 seconds",
          onTimeout: () => new Error(`not at its end:\n${printed()}`)
        })
      )

      const parts = printed().split(SEPARATOR)
      const log = parts.at(-1) ?? ""
      let run = -1
      const untrue: Array<string> = []
      for (const { use, text } of blocks) {
        if (use === "run") run += 1
        if (use === "answer" && !lenient(text).test(parts[run]?.trim() ?? ""))
          untrue.push(`answer:\n${text}is really:\n${parts[run]}`)
        if (use === "log")
          for (const line of text.trim().split("\n"))
            if (!log.split("\n").some((one) => contains(line).test(one))) untrue.push(`not logged: ${line}`)
      }
      expect(untrue, printed()).toEqual([])
    }),
  PATIENCE
)

/** Those of the page. */
const PORTS = [
  ...["8080", "8081", "8091", "8092", "8443", "8444", "8445", "8543", "8545"],
  ...["8093", "8193", "8094", "8194", "8095", "8195", "8180", "8181", "8280", "8281"]
]

/** No program prints them. */
const SEPARATOR = "\u001e"
const END = "\u001f"

/** Refusals also say so on standard error, which is printed in between. */
const lenient = (answer: string): RegExp =>
  new RegExp(patternOf(answer).source.replaceAll("\\n", "\\n+"), "s")

const contains = (line: string): RegExp => new RegExp(patternOf(line).source.replace(/^\^|\$$/g, ""))
