import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Option, Schema, TestClock } from "effect"
import { hashApiToken } from "../../../../layers/crypto/ApiTokenSecret.ts"
import { HostFigures } from "../../../../layers/ews/HostFigures.ts"
import { Storage } from "../../../../layers/storage/Storage.ts"
import { LogLevels } from "../../../../layers/telemetry/LogLevels.ts"
import { type Report, Troubles } from "../../../../layers/telemetry/Troubles.ts"
import * as Api from "../../../../schemas/ConsoleApi.ts"
import { FAULT_NAMES } from "../../../../schemas/Fault.ts"
import { userIdOfAddress } from "../../../../schemas/Ids.ts"
import { LinkState } from "../../../../schemas/LinkState.ts"
import * as ApiTokens from "../../../../src/http/ApiTokens.ts"
import { addSubscriber, addTenant, mail } from "../../../layers/storage/Samples.ts"
import type { Line } from "../../../support/DeviceApiFixture.ts"
import { StorageFaults } from "../../../support/FaultyStorage.ts"
import { ADMIN, FakePush, makeAdmin, openConsole, world } from "./ConsoleFixture.ts"

const DAY = 86_400_000
const USER = userIdOfAddress("anna@example.com")

/** Fails if the answer is not what the schema says, or says more. */
const decode = <A, I>(schema: Schema.Schema<A, I>, json: unknown): A =>
  Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })(json)

const pushing = (): FakePush => {
  const push = new FakePush()
  push.health = [
    {
      gateway: "cns",
      up: false,
      downSince: 5,
      lastError: "HTTP 401",
      lastErrorAt: 6,
      underWay: 0,
      waiting: 3,
      oldestWaiting: 4,
      stalledSince: 4,
      expires: [
        { what: "cns", at: 10 * DAY },
        { what: "cns_pin", at: 400 * DAY }
      ]
    }
  ]
  return push
}

describe("The console's API", () => {
  it.scoped("tells how the service does", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      yield* TestClock.adjust("30 seconds")
      const overview = decode(Api.Overview, (yield* call("overview")).json)
      expect(overview).toMatchObject({
        ready: true,
        role: "active",
        storage: "reachable",
        database: "memory"
      })
      expect(Object.keys(overview.subscriptions).sort()).toEqual([...LinkState.literals].sort())
      expect(overview.outbox).toEqual({ entries: 0, oldest: null })
      expect(overview.gateways).toMatchObject([
        {
          gateway: "cns",
          up: false,
          stalled: true,
          waiting: 3,
          lastError: "HTTP 401",
          verdicts: { delivered: expect.any(Number), gatewayDown: expect.any(Number) }
        }
      ])
      expect(overview.troubles.map(({ fault }) => fault)).toEqual(["gateway-down"])
      expect(overview.troubles[0]).toMatchObject({ cure: expect.stringContaining("gateway's address") })
      const series = decode(Api.Series, (yield* call("series")).json)
      expect(series.at).toHaveLength(3)
      expect(series.lines.map(({ name }) => name)).toEqual([
        "callbacks",
        "mails",
        "pushes",
        "pushFailures",
        "ewsMedianMilliseconds",
        "ewsErrors",
        "eventLoopMilliseconds",
        "outboxOldest",
        "subscriptions"
      ])
      for (const { values } of series.lines) expect(values).toHaveLength(3)
      expect(series.lines.at(-1)!.values).toEqual([3, 3, 3])
    }).pipe(Effect.provide(world({ push: pushing() })))
  )

  it.scoped("shows hosts and troubles as they are reported, with title and cure", () => {
    const trouble = { where: "mail.example.com", what: "refused", since: 1, last: 2, count: 3 }
    const troubles = FAULT_NAMES.map((fault) => ({ ...trouble, fault }))
    const figure = {
      host: "mail.example.com",
      up: true,
      calls: 7,
      errors: { EwsUnreachable: 2 },
      median: 12,
      p95: undefined,
      lastError: "HTTP 503",
      lastErrorAt: 9
    }
    const silent = { report: (_: Report) => Effect.void, settle: () => Effect.void }
    return Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      const overview = decode(Api.Overview, (yield* call("overview")).json)
      expect(overview.troubles).toHaveLength(FAULT_NAMES.length)
      for (const { cure, title } of overview.troubles) expect([title, cure]).not.toContain("")
      expect(overview.hosts).toMatchObject([
        { host: "mail.example.com", up: false, calls: 7, medianMilliseconds: 12, p95Milliseconds: null }
      ])
    }).pipe(
      Effect.provide(world()),
      Effect.provideService(Troubles, { ...silent, current: Effect.succeed(troubles) }),
      Effect.provideService(HostFigures, {
        watch: { admit: () => (outcome) => outcome },
        current: Effect.succeed([figure])
      })
    )
  })

  it.scoped("shows a user in all tenants, and an empty page for an unknown one", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      yield* addSubscriber(yield* addTenant("one"), "anna")
      yield* addSubscriber(yield* addTenant("two"), "anna")
      const page = decode(Api.UserPage, (yield* call(`users/${USER}`)).json)
      expect(page.users.map(({ tenant }) => tenant)).toEqual(["one", "two"])
      const nobody = decode(Api.UserPage, (yield* call(`users/${"0".repeat(64)}`)).json)
      expect(nobody.users).toEqual([])
      for (const wrong of ["anna@example.com", USER.slice(1), `${USER}/..`, `${USER}0`]) {
        expect((yield* call(`users/${wrong}`)).status).toBe(404)
      }
    }).pipe(Effect.provide(world()))
  )

  it.scoped("makes a token that works at once and is shown once, and revokes it at once", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      const tokens = yield* ApiTokens.ApiTokens
      const body = { label: " Phones ", ewsUrl: "https://mail.example.com/EWS/Exchange.asmx" }
      yield* TestClock.adjust("2 seconds")
      const made = decode(
        Api.MadeToken,
        (yield* Effect.raceFirst(
          call("tokens", { method: "POST", body }),
          Effect.zipRight(TestClock.adjust("2 seconds"), Effect.never)
        )).json
      )
      expect(made).toMatchObject({ tenant: "default", token: expect.stringMatching(/^ens_[\w-]{43}$/) })
      expect((yield* tokens.tenantOf(made.token))._tag).toBe("Some")
      const listed = yield* call("tokens")
      expect(listed.text).not.toContain(made.token)
      const { adminTokens, tokens: all } = decode(Api.Tokens, listed.json)
      expect(all).toMatchObject([{ id: made.id, label: "Phones", ewsUrls: [body.ewsUrl] }])
      expect(adminTokens).toMatchObject([{ id: expect.stringMatching(/^admin-\d+$/), label: "Night shift" }])
      const revoke = Effect.raceFirst(
        call(`tokens/${made.id}`, { method: "DELETE" }),
        Effect.zipRight(TestClock.adjust("2 seconds"), Effect.never)
      )
      expect((yield* revoke).status).toBe(204)
      const after = yield* Effect.raceFirst(
        tokens.tenantOf(made.token),
        Effect.zipRight(TestClock.adjust("2 seconds"), Effect.never)
      )
      expect(after._tag).toBe("None")
      expect((yield* revoke).status).toBe(404)
      const audits = decode(Api.Audits, (yield* call("audits")).json).audits
      expect(audits.slice(0, 2).map(({ action, actor, target }) => [actor, action, target])).toEqual([
        ["console:Night shift", "token.revoke", made.id],
        ["console:Night shift", "token.create", made.id]
      ])
    }).pipe(Effect.provide(world()))
  )

  it.scoped("rotates a token: both work until the old one ends, and the new one is shown once", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      const tokens = yield* ApiTokens.ApiTokens
      yield* addTenant("t")
      yield* TestClock.adjust("20 seconds")
      const rotate = (id: string, overlapDays: unknown, kind = "tokens") =>
        Effect.raceFirst(
          call(`${kind}/${id}/rotations`, { method: "POST", body: { overlapDays } }),
          Effect.zipRight(TestClock.adjust("2 seconds"), Effect.never)
        )
      const [old] = decode(Api.Tokens, (yield* call("tokens")).json).tokens
      for (const wrong of [-1, 366, 1.5, "x", null]) expect((yield* rotate(old!.id, wrong)).status).toBe(400)
      expect((yield* rotate("999", 1)).status).toBe(404)
      const got = yield* rotate(old!.id, 1)
      const made = decode(Api.RotatedToken, got.json)
      expect(made).toMatchObject({ tenant: "t", label: old!.label, replaces: old!.id })
      expect((yield* tokens.tenantOf("token of t"))._tag).toBe("Some")
      expect((yield* tokens.tenantOf(made.token))._tag).toBe("Some")
      const listed = yield* call("tokens")
      expect(listed.text).not.toContain(made.token)
      expect(decode(Api.Tokens, listed.json).tokens.map(({ expiresAt }) => expiresAt)).toEqual([
        made.expiresAt,
        null
      ])
      const [last] = yield* Effect.flatMap(Storage, ({ audits }) => audits(1))
      expect(last).toMatchObject({ action: "token.rotate", target: old!.id, outcome: "success" })
    }).pipe(Effect.provide(world()))
  )

  it.scoped(
    "rotates an admin token, which opens the console until it ends, and not without a day of overlap",
    () =>
      Effect.gen(function* () {
        const { signedIn, signIn } = yield* openConsole
        const { call } = yield* signedIn()
        const [old] = decode(Api.Tokens, (yield* call("tokens")).json).adminTokens
        expect(old!.expiresAt).toBe(null)
        const rotate = (overlapDays: number, token?: string) =>
          Effect.raceFirst(
            call(`admin-tokens/${old!.id}/rotations`, { method: "POST", body: { overlapDays, token } }),
            Effect.zipRight(TestClock.adjust("2 seconds"), Effect.never)
          )
        expect((yield* rotate(0, ADMIN)).status).toBe(400)
        const made = decode(Api.RotatedToken, (yield* rotate(1, ADMIN)).json)
        expect(made).toMatchObject({
          tenant: null,
          replaces: old!.id,
          token: expect.stringMatching(/^ensadm-/)
        })
        const storage = yield* Storage
        const at = yield* Clock.currentTimeMillis
        const sooner = { hash: hashApiToken("another"), createdAt: at, until: at + 60_000 }
        const another = yield* storage.rotateAdminToken(old!.id.slice("admin-".length), sooner)
        yield* storage.revokeAdminToken(Option.getOrThrow(another).made.id)
        yield* TestClock.adjust("59 seconds")
        expect((yield* signIn(ADMIN)).status).toBe(200)
        yield* TestClock.adjust("1 seconds")
        expect((yield* signIn(ADMIN)).status).toBe(401)
        const { call: callAgain } = yield* signedIn(made.token)
        // The one that has ended is no other one: this is the last.
        expect((yield* callAgain(`admin-tokens/${made.id}`, { method: "DELETE" })).status).toBe(409)
        expect((yield* callAgain(`admin-tokens/${old!.id}`, { method: "DELETE" })).status).toBe(204)
      }).pipe(Effect.provide(world()))
  )

  it.scoped(
    "gives no admin token to who has only a session, another one's token, or one that was replaced",
    () =>
      Effect.gen(function* () {
        const { signedIn } = yield* openConsole
        const { call } = yield* signedIn()
        const other = yield* makeAdmin("ensadm-of-somebody-else", "Somebody else")
        yield* addTenant("t")
        const mine = decode(Api.Tokens, (yield* call("tokens")).json).adminTokens[0]!.id
        const rotate = (id: string, token?: string) =>
          Effect.raceFirst(
            call(`admin-tokens/${id}/rotations`, { method: "POST", body: { overlapDays: 1, token } }),
            Effect.zipRight(TestClock.adjust("2 seconds"), Effect.never)
          )
        for (const token of [undefined, "", "ensadm-wrong", "token of t", "ensadm-of-somebody-else"]) {
          const got = yield* rotate(mine, token)
          expect([got.status, got.json["problem"]]).toEqual([
            403,
            expect.stringContaining(`not admin token ${mine}`)
          ])
        }
        expect((yield* rotate(`admin-${other.id}`, ADMIN)).status).toBe(403)
        const storage = yield* Storage
        expect(yield* storage.listAdminTokens).toHaveLength(2)
        expect((yield* storage.audits(1))[0]).toMatchObject({ action: "token.rotate", outcome: "failure" })
        const both = yield* Effect.all([rotate(mine, ADMIN), rotate(mine, ADMIN)], {
          concurrency: "unbounded"
        })
        expect(both.map(({ status }) => status).toSorted()).toEqual([200, 409])
        expect((yield* rotate(mine, ADMIN)).status).toBe(409)
        expect(yield* storage.listAdminTokens).toHaveLength(3)
        expect(JSON.stringify(yield* storage.audits(100))).not.toContain("ensadm-")
      }).pipe(Effect.provide(world()))
  )

  it.scoped("keeps the admin token that lives longest, though others are still valid", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      const storage = yield* Storage
      const [old] = yield* storage.listAdminTokens
      const rotate = (name: string, until: number) =>
        Effect.map(
          storage.rotateAdminToken(old!.id, { hash: hashApiToken(name), createdAt: 0, until }),
          (done) => Option.getOrThrow(done).made.id
        )
      const revoke = (id: string) =>
        Effect.map(call(`admin-tokens/admin-${id}`, { method: "DELETE" }), ({ status }) => status)
      const next = yield* rotate("next", 86_400_000)
      expect(yield* revoke(next)).toBe(409)
      const another = yield* rotate("another", 86_400_000)
      expect(yield* revoke(next)).toBe(204)
      expect(yield* revoke(another)).toBe(409)
      expect(yield* revoke(old!.id)).toBe(204)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("makes no token of what makes no sense", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      const bodies = [
        {},
        { label: " " },
        { label: "x".repeat(101) },
        { label: "a\u0000b" },
        { label: "a\u001b[2Jb" },
        { label: "a\u202eb" },
        { label: "a\u2028b" },
        { label: "a\ud800b" },
        { label: "x", tenant: "" },
        { label: "x", ewsUrl: "http://mail.example.com/EWS/Exchange.asmx" },
        { label: "x", ewsUrl: "javascript:alert(1)" },
        { label: 7 }
      ]
      for (const body of bodies) {
        const got = yield* call("tokens", { method: "POST", body })
        expect([body, got.status]).toEqual([body, 400])
      }
      expect(yield* Effect.flatMap(Storage, ({ listTokens }) => listTokens)).toEqual([])
    }).pipe(Effect.provide(world()))
  )

  it.scoped("revokes an admin token, whose sessions end at once, but never the last one", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      const { id } = yield* makeAdmin("ensadm-another", "Other")
      const other = yield* signedIn("ensadm-another")
      expect((yield* call(`admin-tokens/admin-${id}`, { method: "DELETE" })).status).toBe(204)
      expect((yield* other.call("session")).status).toBe(401)
      const [last] = yield* Effect.flatMap(Storage, ({ listAdminTokens }) => listAdminTokens)
      const kept = yield* call(`admin-tokens/${last!.id}`, { method: "DELETE" })
      expect([kept.status, kept.json["problem"]]).toEqual([409, expect.stringContaining("--admin")])
      expect((yield* call("admin-tokens/999", { method: "DELETE" })).status).toBe(404)
      expect((yield* call("session")).status).toBe(200)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("revokes one of the last two admin tokens only, if two ask at once", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      yield* makeAdmin("ensadm-another", "Other")
      const storage = yield* Storage
      const faults = yield* StorageFaults
      const ids = (yield* storage.listAdminTokens).map(({ id }) => id)
      faults.delay(10)
      const asking = yield* Effect.fork(
        Effect.all(
          ids.map((id) => call(`admin-tokens/${id}`, { method: "DELETE" })),
          { concurrency: "unbounded" }
        )
      )
      while (asking.unsafePoll() === null) {
        yield* TestClock.adjust("10 millis")
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      expect((yield* asking).map(({ status }) => status).sort()).toEqual([204, 409])
      faults.delay(0)
      expect(yield* storage.listAdminTokens).toHaveLength(1)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("tells what expires, the next first, and which pins there are", () =>
    Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      const pin = "ab".repeat(32)
      yield* Effect.flatMap(Storage, (storage) =>
        storage.createToken({
          tenant: "one",
          label: "x",
          hash: hashApiToken("x"),
          ewsUrls: [],
          ewsPins: [pin],
          seg: false,
          createdAt: 0
        })
      )
      const { expiries, pins } = decode(Api.Certificates, (yield* call("certificates")).json)
      expect(expiries).toEqual([
        { what: "our certificate for CNS", at: 10 * DAY, days: 10, soon: true },
        { what: "the last certificate pinned for CNS", at: 400 * DAY, days: 400, soon: false }
      ])
      expect(pins).toEqual([
        { of: "EWS of tenant one", fingerprint: pin, from: "ens token create --ews-pin" }
      ])
    }).pipe(Effect.provide(world({ push: pushing() })))
  )

  it.scoped("sets the log's level for a while, and says who did", () => {
    const set: Array<unknown> = []
    let level: "info" | "debug" = "info"
    const levels: LogLevels["Type"] = {
      current: Effect.sync(() => ({ level, until: undefined })),
      set: (wanted, until) =>
        Effect.sync(() => {
          set.push([wanted, until])
          level = wanted as "debug"
        })
    }
    return Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call } = yield* signedIn()
      const put = (body: unknown) => call("log-level", { method: "PUT", body })
      expect(decode(Api.LogLevelChoice, (yield* call("log-level")).json)).toEqual({
        level: "info",
        until: null
      })
      expect((yield* put({ level: "debug", until: 60_000 })).json["level"]).toBe("debug")
      yield* TestClock.adjust("1 minutes")
      expect((yield* put({ level: "debug", until: 60_000 })).status).toBe(400)
      expect((yield* put({ level: "all" })).status).toBe(400)
      expect(set).toEqual([["debug", 60_000]])
      const [last] = decode(Api.Audits, (yield* call("audits")).json).audits
      expect(last).toMatchObject({ action: "log.level", target: "debug", actor: "console:Night shift" })
    }).pipe(Effect.provide(world()), Effect.provideService(LogLevels, levels))
  })

  it.scoped("says in no answer and in no line of the log what is secret", () => {
    const lines: Array<Line> = []
    return Effect.gen(function* () {
      const { signedIn } = yield* openConsole
      const { call, cookie } = yield* signedIn()
      const storage = yield* Storage
      const user = yield* addSubscriber(yield* addTenant("default"), "anna")
      yield* storage.addOutbox([mail(user, "canary-of-an-item")])
      const paths = [
        "session",
        "overview",
        "series",
        `users/${USER}`,
        "tokens",
        "certificates",
        "audits",
        "log-level"
      ]
      const texts = yield* Effect.forEach(paths, (path) => Effect.map(call(path), ({ text }) => text))
      const told = [...texts, JSON.stringify(lines)].join("\n")
      expect(told).toContain(USER)
      const secrets = [
        ADMIN,
        cookie.slice(12),
        "anna@",
        "phone of anna",
        "token of default",
        "canary-of-an-item",
        "BQAAA",
        "AQAAA",
        Buffer.from("phone of anna").toString("base64"),
        hashApiToken(ADMIN).toString("hex"),
        hashApiToken("token of default").toString("hex")
      ]
      for (const secret of secrets) expect([secret, told.includes(secret)]).toEqual([secret, false])
      for (const text of texts) expect(text).not.toMatch(/fingerprint":"(?!ab)|sealKey|ledger/)
    }).pipe(Effect.provide(world({ lines })))
  })
})
