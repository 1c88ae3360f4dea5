import { spawn } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Finding } from "../../../src/doctor/Finding.ts"
import { makeExchange } from "../../../src/sandbox/Exchange.ts"
import { ens, settingsFile } from "../../support/CommandLine.ts"
import { ensProcess } from "../../support/EnsProcess.ts"
import { makeInstallation } from "../../support/Installation.ts"
import { isReady, startProcess } from "../../support/ServiceProcess.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const ADA = { address: "ada@example.com", password: "the pass-word " }

/** An installation whose tokens lead to an Exchange stand-in, and files with secrets. */
const clinic = Effect.gen(function* () {
  const exchange = yield* makeExchange({ mailboxes: [ADA] })
  const installation = yield* makeInstallation({})
  const token = yield* installation.createToken(exchange.url)
  const directory = yield* temporaryDirectory
  const file = (name: string, text: string) => {
    const path = join(directory, name)
    writeFileSync(path, text)
    return path
  }
  const doctor = (args: ReadonlyArray<string>, input = "") =>
    ensProcess(["doctor", ...args], input, installation.environment)
  return { exchange, installation, token, file, doctor }
})

describe("ens doctor", () => {
  it.scopedLive("beside a running service finds nothing wrong, and leaves it alone", () =>
    Effect.gen(function* () {
      const { doctor, exchange, file, installation, token } = yield* clinic
      const service = yield* startProcess(installation)
      const given = [
        "--password-file",
        file("password", `${ADA.password}\n`),
        "--api-token-file",
        file("token", token)
      ]
      const { code, err, out } = yield* doctor(["--email", ADA.address, ...given])
      expect(out).not.toContain("✖")
      expect({ code, err }).toEqual({ code: 0, err: "" })
      for (const part of [
        `✔ file lock: held by process ${service.pid} `,
        "✔ API token: the given one is of tenant default",
        "✔ service: ENS",
        "alive reaches this service",
        "✔ EWS log-in: the Inbox opens"
      ]) {
        expect(out).toContain(part)
      }
      for (const secret of [ADA.password, token, ADA.address]) expect(out + err).not.toContain(secret)
      expect(exchange.subscriptions()).toEqual([])
      expect(yield* isReady(installation)).toBe(true)
    })
  )

  it.scopedLive("prints JSON for programs, and ends with 1 if anything is wrong", () =>
    Effect.gen(function* () {
      const { doctor, exchange } = yield* clinic
      const given = ["--json", "--email", ADA.address, "--password-stdin"]
      const right = yield* doctor(given, `${ADA.password}\n`)
      expect(right.code).toBe(0)
      const wrong = yield* doctor(given, "wrong")
      expect(wrong.code).toBe(1)
      expect(wrong.err).toContain("1 check has failed")
      const findings = JSON.parse(wrong.out) as ReadonlyArray<Finding>
      expect(findings.filter(({ verdict }) => verdict === "failed")).toEqual([
        {
          check: "EWS log-in",
          verdict: "failed",
          says: expect.stringContaining("refused it by Basic"),
          fault: "exchange-log-in-refused",
          cure: expect.any(String)
        }
      ])
      expect(exchange.failedLogins(ADA.address)).toBe(1)
    })
  )

  it.scopedLive("that is broken off does not end as if nothing were wrong", () =>
    Effect.gen(function* () {
      const silent = createServer()
      yield* Effect.acquireRelease(
        Effect.async<void>((resume) => void silent.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.sync(() => silent.close())
      )
      const { port } = silent.address() as AddressInfo
      const { config } = yield* settingsFile({ ENS_ADMIN_PORT: String(port) })
      const child = spawn(process.execPath, ["src/main.ts", "doctor", "--offline", "--config", config])
      yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
      // Its service answers nothing for seconds.
      silent.once("connection", () => child.kill("SIGINT"))
      const ended = yield* Effect.async<number | null>((resume) => {
        child.on("exit", (code) => resume(Effect.succeed(code)))
      })
      expect(ended).toBe(1)
    })
  )

  it.scopedLive("works before there is anything, and makes nothing", () =>
    Effect.gen(function* () {
      const { config, dataDir } = yield* settingsFile({ ENS_PORT: "1", ENS_ADMIN_PORT: "1" })
      const { ok, out } = yield* ens("doctor", "--offline", "--config", config)
      expect(out).not.toContain("✖")
      expect(out).toContain("– public URL: not asked for (--offline)")
      expect(ok).toBe(true)
      expect(existsSync(dataDir)).toBe(false)
    })
  )

  it.scopedLive("says what is wrong with its options", () =>
    Effect.gen(function* () {
      const { config } = yield* settingsFile()
      const failing = (...args: ReadonlyArray<string>) =>
        Effect.map(ens("doctor", "--offline", "--config", config, ...args), ({ err, ok }) => ({ err, ok }))
      expect(yield* failing("--password-stdin")).toEqual({
        ok: false,
        err: expect.stringContaining("give --email")
      })
      expect(yield* failing("--email", "ada")).toEqual({
        ok: false,
        err: expect.stringContaining("must be an address")
      })
    })
  )
})
