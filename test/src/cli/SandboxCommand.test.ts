import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { listen, readBody, sendJson } from "../../../src/sandbox/Listener.ts"
import { ens } from "../../support/CommandLine.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "ens-sandbox-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

describe("ens sandbox exchange", () => {
  it.scopedLive.each([
    [["--mailbox", "bob"], "ens: --mailbox must be ADDRESS:PASSWORD, like bob@example.com:secret"],
    [["--client-ca", "package.json"], "ens: --client-ca goes with --tls or --tls-cert"],
    [["--tls-cert", "package.json"], "ens: --tls-cert and --tls-key go together"],
    [
      ["--tls-cert", "package.json", "--tls-key", "package.json"],
      "ens: package.json: not a PEM file; choose another file or folder"
    ],
    [["--offer", "kerberos"], /^ens: Expected .*negotiate.*; see: ens sandbox exchange --help$/],
    [["--server-version", "5.5"], /^ens: Expected .*2010_SP1.*; see: ens sandbox exchange --help$/],
    [["--lock-after", "0"], "ens: Expected a positive number, actual 0; see: ens sandbox exchange --help"]
  ] as const)("says in one line what is wrong with %j", ([args, problem]) =>
    Effect.gen(function* () {
      const { ok, out, err } = yield* ens("sandbox", "exchange", "--port", "0", ...args)
      expect([ok, out]).toEqual([false, ""])
      if (typeof problem === "string") expect(err).toBe(problem)
      else expect(err).toMatch(problem)
    })
  )

  it.effect("names its control interface in the help", () =>
    Effect.gen(function* () {
      const { out } = yield* ens("sandbox", "exchange", "--help")
      for (const name of ["--offer", "--other-port", "faults", "autodiscover", "moves", "docs/rehearsal.md"])
        expect(out).toContain(name)
    })
  )
})

describe("ens sandbox apns, fcm and sns", () => {
  it.scopedLive.each(["apns", "fcm", "sns"])("%s says in one line what is wrong", (name) =>
    Effect.gen(function* () {
      const half = yield* ens("sandbox", name, "--port", "0", "--tls-cert", "package.json")
      expect([half.ok, half.err]).toEqual([false, "ens: --tls-cert and --tls-key go together"])
      const { out } = yield* ens("sandbox", name, "--help")
      for (const option of ["--port", "--control-port", "--tls-dir"]) expect(out).toContain(option)
    })
  )
})

describe("ens sandbox device", () => {
  /** A service that refuses every registration, and keeps what it was asked. */
  const service = Effect.gen(function* () {
    const bodies: Array<Record<string, unknown>> = []
    const listener = yield* listen({}, (incoming, outgoing) => {
      void readBody(incoming, 65_536).then((text) => {
        bodies.push(JSON.parse(text ?? ""))
        const known = incoming.url?.endsWith("getsubscriptionstatus") === true
        sendJson(outgoing, known ? 200 : 401, {
          responseCode: known ? 6 : 23,
          errorMessage: known ? "" : "who are you?",
          version: "1.0.0",
          environmentType: "OnPrem"
        })
      })
    })
    return { url: `${listener.url}/api/ens`, bodies }
  })
  const who = ["--api-token", "t", "--email", "bob@example.com"]

  it.scopedLive("prints the answer, and fails if it is a refusal", () =>
    Effect.gen(function* () {
      const { url, bodies } = yield* service
      const status = yield* ens("sandbox", "device", "status", "--base-url", url, ...who)
      expect([status.ok, status.err]).toEqual([true, ""])
      expect(JSON.parse(status.out)).toMatchObject({ status: 200, responseCode: 6 })
      expect(bodies[0]).toMatchObject({ deviceToken: "rehearsal" })
      const refused = yield* ens(
        "sandbox",
        "device",
        "register",
        "--base-url",
        url,
        ...who,
        "--password",
        "p"
      )
      expect([refused.ok, refused.err]).toEqual([false, "ens: the service refuses, code 23: who are you?"])
      expect(JSON.parse(refused.out)).toMatchObject({ status: 401, responseCode: 23 })
    })
  )

  it.scopedLive("wants a log-in that can be read", () =>
    Effect.gen(function* () {
      const register = (...args: ReadonlyArray<string>) =>
        Effect.map(ens("sandbox", "device", "register", ...who, ...args), ({ err }) => err)
      expect(yield* register()).toBe("ens: give --password, --access-token or --certificate")
      const path = join(yield* folder, "none.p12")
      expect(yield* register("--certificate", path)).toMatch(/^ens: .*none\.p12/)
      yield* Effect.promise(() => writeFile(path, "not one"))
      expect(yield* register("--certificate", path, "--base-url", "http://127.0.0.1:9")).toMatch(
        /^ens: getpublickey failed \(.*ECONNREFUSED/
      )
    })
  )
})
