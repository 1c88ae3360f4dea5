import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeExchange } from "../../../src/sandbox/Exchange.ts"
import { selfSigned } from "./support/Certificate.ts"
import { PYTHON, runPython, withPemFile } from "./support/Python.ts"

const lacks = (module: string) => spawnSync(PYTHON, ["-c", `import ${module}`]).status !== 0
const noNtlm = lacks("requests_ntlm")
const noExchangelib = noNtlm || lacks("exchangelib")
if (noNtlm)
  console.warn("SKIPPED: python3-requests-ntlm is not installed (apt-get install python3-requests-ntlm)")
if (noExchangelib)
  console.warn("SKIPPED: python3-exchangelib is not installed (apt-get install python3-exchangelib)")
const skipped = (missing: boolean, name: string) => (missing ? ` [SKIPPED: ${name} is not installed]` : "")

const ADDRESS = "alice@corp.example"
const PASSWORD = "Päss: wörd"
const TLS = selfSigned()

it.scopedLive.skipIf(noNtlm)(
  `NTLM code that nobody here wrote logs in over TLS, bound to the channel${skipped(noNtlm, "python3-requests-ntlm")}`,
  () =>
    Effect.gen(function* () {
      const exchange = yield* makeExchange({
        tls: TLS,
        offers: ["ntlm"],
        channelBinding: "require",
        mailboxes: [{ address: ADDRESS, password: PASSWORD }]
      })
      const ca = yield* withPemFile(TLS.cert)
      const logins = ["CORP\\alice", PASSWORD, "corp.example\\ALICE", PASSWORD, "CORP\\alice", "wrong"]
      const statuses = yield* runPython(join(import.meta.dirname, "ntlm_client.py"), [
        exchange.url,
        ca,
        ...logins
      ])
      // 500: it is in, and what it posts is no SOAP.
      expect(statuses).toEqual([
        [500, 500, 500],
        [500, 500, 500],
        [401, 401, 401]
      ])
      expect(exchange.failedLogins(ADDRESS)).toBe(3)
    })
)

it.scopedLive.skipIf(noExchangelib)(
  `a client library that nobody here wrote finds, opens and searches a mailbox with NTLM${skipped(noExchangelib, "python3-exchangelib")}`,
  () =>
    Effect.gen(function* () {
      const exchange = yield* makeExchange({
        tls: TLS,
        offers: ["ntlm"],
        mailboxes: [{ address: ADDRESS, password: PASSWORD }]
      })
      for (const day of [1, 2, 3, 4])
        yield* exchange.deliver({
          to: ADDRESS,
          from: "bob@corp.example",
          subject: `day ${day}`,
          body: "x",
          receivedAt: new Date(Date.UTC(2026, 0, day)),
          isRead: day === 3
        })
      const ca = yield* withPemFile(TLS.cert)
      const seen = yield* runPython(join(import.meta.dirname, "exchangelib_login.py"), [
        exchange.autodiscoverUrl.replace(/\.xml$/, ""),
        ca,
        ADDRESS,
        "CORP\\alice",
        PASSWORD,
        "2026-01-02T00:00:00+00:00"
      ])
      expect(seen).toEqual({
        pox: { url: exchange.url, version: "15.1.2507.0" },
        soap: { url: exchange.url, version: expect.any(String) },
        recent: ["day 4", "day 2"],
        oldest: ["day 1", "day 2"]
      })
      expect(exchange.failedLogins(ADDRESS)).toBe(0)
    })
)
