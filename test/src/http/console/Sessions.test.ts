import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, TestClock } from "effect"
import { hashApiToken } from "../../../../layers/crypto/ApiTokenSecret.ts"
import { Storage } from "../../../../layers/storage/Storage.ts"
import { IN_ALL, PER_SOURCE } from "../../../../src/http/console/SignInLimits.ts"
import type { Line } from "../../../support/DeviceApiFixture.ts"
import { StorageFaults } from "../../../support/FaultyStorage.ts"
import { ADMIN, cookieOf, HOST, makeAdmin, openConsole, SAME_ORIGIN, world } from "./ConsoleFixture.ts"

const EVERYTHING = [
  ["GET", "session"],
  ["DELETE", "session"],
  ["GET", "overview"],
  ["GET", "series"],
  ["GET", `users/${"a".repeat(64)}`],
  ["POST", `users/${"a".repeat(64)}/actions`],
  ["GET", "tokens"],
  ["POST", "tokens"],
  ["POST", "tokens/1/rotations"],
  ["POST", "admin-tokens/admin-1/rotations"],
  ["DELETE", "tokens/1"],
  ["DELETE", "admin-tokens/1"],
  ["GET", "certificates"],
  ["GET", "audits"],
  ["GET", "log-level"],
  ["PUT", "log-level"],
  ["GET", "nothing"]
] as const

const MINUTE = 60_000

describe("Without a session", () => {
  it.scoped("everything is refused, whatever cookie is shown", () =>
    Effect.gen(function* () {
      const { api } = yield* openConsole
      for (const [method, path] of EVERYTHING) {
        for (const cookie of ["", "ens_console=", `ens_console=${"A".repeat(43)}`]) {
          const body = method === "POST" || method === "PUT" ? { action: "forget" } : undefined
          const got = yield* api(path, { method, body, headers: { cookie, ...SAME_ORIGIN } })
          expect([path, got.status]).toEqual([path, 401])
          expect(Object.keys(got.json)).toEqual(["problem"])
        }
      }
    }).pipe(Effect.provide(world()))
  )
})

describe("A sign-in", () => {
  it.scoped("with an admin token gives a cookie that no script reads and no other site sends", () =>
    Effect.gen(function* () {
      const { api, signIn } = yield* openConsole
      const got = yield* signIn()
      expect(got.status).toBe(200)
      expect(got.json).toMatchObject({ label: "Night shift", proof: expect.stringMatching(/^.{43}$/) })
      expect(got.headers.get("cache-control")).toBe("no-store")
      const cookie = got.headers.get("set-cookie")
      expect(cookie).toMatch(/^ens_console=[\w-]{43}; Path=\/console; HttpOnly; SameSite=Strict$/)
      const again = yield* api("session", { headers: { cookie: cookieOf(got.headers) } })
      expect(again.json).toEqual(got.json)
      expect(JSON.stringify(got.json)).not.toContain(cookieOf(got.headers).slice(12))
    }).pipe(Effect.provide(world()))
  )

  it.scoped("by https makes the cookie one for https", () =>
    Effect.gen(function* () {
      const { signIn } = yield* openConsole
      const got = yield* signIn(ADMIN, { "x-forwarded-proto": "https" })
      expect(got.headers.get("set-cookie")).toMatch(/; Secure$/)
      // Not every proxy says so, but browsers do.
      const told = yield* signIn(ADMIN, { origin: `https://${HOST}`, "sec-fetch-site": "same-origin" })
      expect(told.headers.get("set-cookie")).toMatch(/; Secure$/)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("with an API token, a wrong or a revoked one is refused and recorded", () =>
    Effect.gen(function* () {
      const { signIn, signedIn } = yield* openConsole
      const storage = yield* Storage
      for (const token of ["", "wrong", "ensadm-wrong"]) {
        const got = yield* signIn(token)
        expect([got.status, got.headers.get("set-cookie")]).toEqual([401, null])
      }
      const { id } = yield* makeAdmin("ensadm-another", "Gone")
      yield* storage.revokeAdminToken(id)
      expect((yield* signIn("ensadm-another")).status).toBe(401)
      yield* signedIn()
      const audits = yield* storage.audits(10)
      expect(audits.map(({ action, actor, outcome }) => [actor, action, outcome])).toEqual([
        ["console:Night shift", "console.sign-in", "success"],
        ...Array.from({ length: 4 }, () => ["console:unknown", "console.sign-in", "failure"])
      ])
    }).pipe(Effect.provide(world()))
  )

  it.scoped("takes no session id from outside, and ends the session that was there", () =>
    Effect.gen(function* () {
      const { api, signIn, signedIn } = yield* openConsole
      const planted = `ens_console=${"B".repeat(43)}`
      const got = yield* signIn(ADMIN, { cookie: planted })
      expect(cookieOf(got.headers)).not.toBe(planted)
      expect((yield* api("session", { headers: { cookie: planted } })).status).toBe(401)
      const first = yield* signedIn()
      yield* signIn(ADMIN, { cookie: first.cookie })
      expect((yield* first.call("session")).status).toBe(401)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("that fails too often has to wait, and then goes on", () =>
    Effect.gen(function* () {
      const { signIn } = yield* openConsole
      const storage = yield* Storage
      for (let n = 0; n < PER_SOURCE; n += 1) expect((yield* signIn("wrong")).status).toBe(401)
      for (let n = 0; n < 5; n += 1) {
        const got = yield* signIn("wrong")
        expect(got.status).toBe(429)
        expect(Number(got.headers.get("retry-after"))).toBeGreaterThan(0)
      }
      // One record stands for all that come then, so that nobody fills the disk.
      const audits = yield* storage.audits(100)
      expect(audits.map(({ action }) => action)).toEqual([
        "console.sign-in-limit",
        ...Array.from({ length: PER_SOURCE }, () => "console.sign-in")
      ])
      yield* TestClock.adjust(MINUTE)
      expect((yield* signIn("wrong")).status).toBe(401)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("with the right token works however many others fail, and storage does not feel these", () =>
    Effect.gen(function* () {
      const { signIn } = yield* openConsole
      const faults = yield* StorageFaults
      for (let n = 0; n < PER_SOURCE * 5; n += 1) yield* signIn("wrong")
      expect((yield* signIn()).status).toBe(200)
      // It does not give those who fail another try.
      expect((yield* signIn("wrong")).status).toBe(429)
      expect(faults.calls("adminTokenOf")).toBe(PER_SOURCE + 1)
      expect(faults.calls("adminTokenHashes")).toBe(1)
      const { id } = yield* makeAdmin("ensadm-new", "New")
      yield* TestClock.adjust("3 seconds")
      expect((yield* signIn("ensadm-new")).status).toBe(200)
      yield* (yield* Storage).revokeAdminToken(id)
      expect((yield* signIn("ensadm-new")).status).toBe(401)
      yield* TestClock.adjust("3 seconds")
      expect((yield* signIn("ensadm-new")).status).toBe(429)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("that storage cannot decide about is recorded as failed", () => {
    const lines: Array<Line> = []
    return Effect.gen(function* () {
      const { signIn } = yield* openConsole
      const faults = yield* StorageFaults
      faults.failNext("adminTokenOf")
      expect((yield* signIn()).status).toBe(503)
      expect(yield* (yield* Storage).audits(10)).toMatchObject([
        { action: "console.sign-in", actor: "console:unknown", outcome: "failure" }
      ])
    }).pipe(Effect.provide(world({ lines })))
  })

  it.scoped("of many at once is counted before storage is asked", () =>
    Effect.gen(function* () {
      const { signIn } = yield* openConsole
      const faults = yield* StorageFaults
      const flood = Array.from({ length: IN_ALL * 3 }, () => signIn("wrong"))
      const got = yield* Effect.all(flood, { concurrency: "unbounded" })
      expect(got.filter(({ status }) => status === 401)).toHaveLength(PER_SOURCE)
      expect(faults.calls("adminTokenOf")).toBe(PER_SOURCE)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("while storage is away says so; who is signed in stays", () =>
    Effect.gen(function* () {
      const { signIn, signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      const faults = yield* StorageFaults
      faults.down(true)
      expect((yield* signIn()).status).toBe(503)
      yield* TestClock.adjust("1 minutes")
      const got = yield* call("overview")
      expect([got.status, got.json["storage"]]).toEqual([200, "unreachable"])
      expect((yield* call("tokens")).status).toBe(503)
    }).pipe(Effect.provide(world()))
  )
})

describe("A session", () => {
  it.scoped("ends when nobody does anything for half an hour, though the page goes on asking by itself", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      for (let n = 0; n < 29; n += 1) {
        expect((yield* call("overview")).status).toBe(200)
        expect((yield* call("audits")).status).toBe(200)
        yield* TestClock.adjust(MINUTE)
      }
      yield* TestClock.adjust(2 * MINUTE)
      expect((yield* call("overview")).status).toBe(401)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("ends within 20 s after its token is revoked elsewhere; others go on", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const storage = yield* Storage
      const { id } = yield* makeAdmin("ensadm-another", "Other")
      const own = yield* signedIn()
      const other = yield* signedIn("ensadm-another")
      yield* storage.revokeAdminToken(id)
      yield* TestClock.adjust("20 seconds")
      expect((yield* other.call("session")).status).toBe(401)
      expect((yield* own.call("session")).status).toBe(200)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("ends with a sign-out, which is recorded", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      const out = yield* call("session", { method: "DELETE" })
      expect(out.status).toBe(204)
      expect(out.headers.get("set-cookie")).toMatch(/^ens_console=; Path=\/console; .*Max-Age=0$/)
      expect((yield* call("session")).status).toBe(401)
      const [last] = yield* Effect.flatMap(Storage, ({ audits }) => audits(1))
      expect(last).toMatchObject({ action: "console.sign-out", actor: "console:Night shift" })
    }).pipe(Effect.provide(world()))
  )

  it.scoped(
    "of a token that will end goes by the machine's clock as it is, whatever it was at the start",
    () =>
      Effect.flatMap(Effect.clock, (real) => {
        let ahead = 60 * 86_400_000
        const ofProcess = (now: bigint) => now + BigInt(ahead) * 1_000_000n
        // Still one that a test can adjust.
        const wrong: Clock.Clock = Object.assign(Object.create(real), {
          currentTimeNanos: Effect.map(real.currentTimeNanos, ofProcess),
          unsafeCurrentTimeNanos: () => ofProcess(real.unsafeCurrentTimeNanos())
        })
        const body = Effect.gen(function* () {
          const { signIn, signedIn } = yield* openConsole
          const storage = yield* Storage
          const [admin] = yield* storage.listAdminTokens
          const until = (yield* Clock.currentTimeMillis) + 600_000
          yield* storage.rotateAdminToken(admin!.id, { hash: hashApiToken("x"), createdAt: until - 1, until })
          const { call } = yield* signedIn()
          yield* TestClock.adjust("599 seconds")
          expect((yield* call("session")).status).toBe(200)
          yield* TestClock.adjust("1 seconds")
          expect((yield* call("session")).status).toBe(401)
          ahead = -3_600_000
          expect((yield* signIn()).status).toBe(401)
        })
        return Effect.withClock(body.pipe(Effect.provide(world())), wrong)
      })
  )

  it.scoped("is found among cookies that others have set beside it", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call, cookie } = yield* signedIn()
      const several = `theme=dark; ens_console=${"C".repeat(43)}; ens_console=x; ${cookie}; ens_console_2=y`
      expect((yield* call("session", { headers: { cookie: several } })).status).toBe(200)
      const tossed = Array.from({ length: 100 }, (_, n) => `ens_console=${String(n).padStart(43, "0")}`)
      const headers = { cookie: [...tossed, cookie].join("; ") }
      expect((yield* call("session", { headers })).status).toBe(200)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("leaves neither token, id nor proof in the log", () => {
    const lines: Array<Line> = []
    return Effect.gen(function* () {
      const { signIn, signedIn } = yield* openConsole
      const { cookie, proof } = yield* signedIn()
      yield* signIn("ensadm-wrong-canary")
      const log = JSON.stringify(lines)
      expect(log).toContain("console.sign-in")
      for (const secret of [ADMIN, cookie.slice(12), proof, "ensadm-wrong-canary"]) {
        expect(log).not.toContain(secret)
      }
    }).pipe(Effect.provide(world({ lines })))
  })
})

describe("What changes something", () => {
  const change = { method: "PUT", body: { level: "debug", until: null } } as const

  it.scoped("works from the console's own page", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      expect((yield* call("log-level", change)).status).toBe(200)
      const behindProxy = { "sec-fetch-site": "same-origin", origin: "https://ens.example.com" }
      expect((yield* call("log-level", { ...change, headers: behindProxy })).status).toBe(200)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("is refused without proof, from another origin, from who knows where, and as a form", () =>
    Effect.gen(function* () {
      const { api, signIn, signedIn } = yield* openConsole
      const { cookie, call, proof } = yield* signedIn()
      const other = yield* signedIn()
      const bad: ReadonlyArray<readonly [string, Record<string, string>]> = [
        ["no proof", { "x-ens-console": "" }],
        ["wrong proof", { "x-ens-console": "A".repeat(43) }],
        ["another session's proof", { "x-ens-console": other.proof }],
        ["another origin", { origin: "https://evil.example.com" }],
        ["another port", { origin: "http://127.0.0.1:3000" }],
        ["no origin at all", { origin: "null" }],
        ["cross-site", { "sec-fetch-site": "cross-site" }],
        ["same site, another origin", { "sec-fetch-site": "same-site" }],
        ["typed in", { "sec-fetch-site": "none" }]
      ]
      for (const [what, headers] of bad) {
        expect([what, (yield* call("log-level", { ...change, headers })).status]).toEqual([what, 403])
        expect([what, (yield* call("session", { method: "DELETE", headers })).status]).toEqual([what, 403])
      }
      const silent = yield* api("log-level", { ...change, headers: { cookie, "x-ens-console": proof } })
      expect(silent.status).toBe(403)
      for (const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""]) {
        const got = yield* call("log-level", { ...change, headers: { "content-type": type } })
        expect([type, got.status]).toEqual([type, 415])
      }
      // A foreign page must not sign anybody in, either.
      expect((yield* signIn(ADMIN, { origin: "https://evil.example.com" })).status).toBe(403)
      expect((yield* signIn(ADMIN, { "content-type": "text/plain" })).status).toBe(415)
      expect((yield* call("session")).status).toBe(200)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("is refused if the body is no JSON, not what it should be, or too large", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      const put = (body: unknown) => call("log-level", { method: "PUT", body })
      expect((yield* put("{")).status).toBe(400)
      expect((yield* put([])).status).toBe(400)
      const wrong = yield* put({ level: "canary-of-a-body" })
      expect([wrong.status, wrong.text.includes("canary")]).toEqual([400, false])
      expect((yield* put({ level: "info", more: "x".repeat(65_536) })).status).toBe(413)
    }).pipe(Effect.provide(world()))
  )
})

describe("A page of another site", () => {
  it.scoped("reads nothing, even with a session's cookie", () =>
    Effect.gen(function* () {
      const { api, signedIn } = yield* openConsole
      const { cookie } = yield* signedIn()
      for (const site of ["cross-site", "same-site"]) {
        const got = yield* api("tokens", { headers: { cookie, "sec-fetch-site": site } })
        expect(got.status).toBe(403)
      }
      const foreign = yield* api("tokens", { headers: { cookie, origin: "https://evil.example.com" } })
      expect(foreign.status).toBe(403)
      expect(foreign.headers.get("access-control-allow-origin")).toBeNull()
    }).pipe(Effect.provide(world()))
  )

  it.scoped("whose name leads here (DNS rebinding) gets nothing at all", () =>
    Effect.gen(function* () {
      const { ask } = yield* openConsole
      const status = (host: string) =>
        Effect.map(ask("/console", { headers: { host } }), (got) => [host, got.status])
      for (const host of [
        "evil.example.com",
        "evil.example.com:8081",
        "127.0.0.1.evil.example.com",
        "[::1",
        "a b",
        ""
      ]) {
        expect(yield* status(host)).toEqual([host, 421])
        expect((yield* ask("/console/assets/Main.js", { headers: { host } })).status).toBe(421)
        expect((yield* ask("/console/api/session", { headers: { host } })).status).toBe(421)
      }
      const own = [
        HOST,
        "localhost:8081",
        "LOCALHOST",
        "[::1]:8081",
        "10.1.2.3",
        "ens.example.com",
        "admin.corp:1"
      ]
      for (const host of own) expect(yield* status(host)).toEqual([host, 200])
    }).pipe(Effect.provide(world({ settings: { adminHost: "admin.corp" } })))
  )
})
