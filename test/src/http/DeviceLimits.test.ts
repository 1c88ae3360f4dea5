import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Metric, TestClock } from "effect"
import { userIdOfAddress } from "../../../schemas/Ids.ts"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import { Intake } from "../../../src/http/Intake.ts"
import { Limits, limitRefusals } from "../../../src/http/Limits.ts"
import { PayloadsCrowded } from "../../../src/http/PayloadTurns.ts"
import { RefusedLines } from "../../../src/http/RefusedLines.ts"
import { RegistrationPayloads } from "../../../src/http/RegistrationPayloads.ts"
import {
  type Got,
  type Line,
  layer,
  makeToken,
  open,
  registration,
  TOKEN,
  USER_ID,
  userNumber
} from "../../support/DeviceApiFixture.ts"
import { SubscriptionScript } from "../../support/FakeSubscriptions.ts"
import { StorageFaults } from "../../support/FaultyStorage.ts"
import { NO_LIMITS } from "../../support/NoLimits.ts"

const limited = (limits: Partial<SettingsShape["limits"]>) => layer({ limits: { ...NO_LIMITS, ...limits } })
const rate = (count: number) => ({ count, per: 60_000, burst: count })
const user = (n: number) => userIdOfAddress(`user${n}@example.com`)
const other = { ENSAPIToken: "a token of another tenant, long enough" }

const start = Effect.gen(function* () {
  yield* makeToken()
  yield* makeToken(other.ENSAPIToken, "other")
  yield* TestClock.adjust(0)
  return yield* open
})

describe("a user about whom too much is asked", () => {
  it.scoped(
    "is answered 429 with the time to wait; his other endpoints, other users and tenants are served",
    () =>
      Effect.gen(function* () {
        const { post } = yield* start
        const status = (headers?: Record<string, string>, userId: string = USER_ID) =>
          post("getsubscriptionstatus", { userId }, headers)
        expect((yield* status()).status).toBe(404)
        expect((yield* status(undefined, USER_ID.toUpperCase())).status).toBe(404)
        const refused = yield* status()
        expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "30"])
        expect(refused.json).toMatchObject({
          responseCode: 4,
          errorMessage: "too many requests for this user; try again in 30 s",
          retryAfterSeconds: 30
        })
        expect((yield* status(undefined, user(2))).status).toBe(404)
        expect((yield* status(other)).status).toBe(404)
        yield* TestClock.adjust("30 seconds")
        expect((yield* status()).status).toBe(404)
        expect((yield* status()).status).toBe(429)
        expect((yield* post("getpublickey", { userId: USER_ID })).status).toBe(200)
      }).pipe(Effect.provide(limited({ user: rate(2) })))
  )

  it.scoped("takes nothing from the others with the same token, however often his phone asks", () =>
    Effect.gen(function* () {
      const { post } = yield* start
      const status = (n: number) =>
        Effect.map(post("getsubscriptionstatus", { userId: user(n) }), (answer) => answer.status)
      for (let i = 0; i < 50; i++) yield* status(1)
      expect(yield* status(1)).toBe(429)
      expect([yield* status(2), yield* status(3)]).toEqual([404, 404])
      // Now the token's are used up, and what it refuses costs the user nothing.
      for (let i = 0; i < 5; i++) expect(yield* status(4)).toBe(429)
      yield* TestClock.adjust("15 seconds")
      expect(yield* status(4)).toBe(404)
    }).pipe(Effect.provide(limited({ user: rate(2), token: rate(4) })))
  )
})

describe("a token with which too much is asked", () => {
  it.scoped("is refused before the body is read, and no other one is", () =>
    Effect.gen(function* () {
      const { post } = yield* start
      expect((yield* post("getpublickey", "not JSON")).status).toBe(400)
      expect((yield* post("getpublickey", { userId: USER_ID })).status).toBe(200)
      const refused = yield* post("getpublickey", "not JSON")
      expect([refused.status, refused.json["errorMessage"], refused.headers.get("retry-after")]).toEqual([
        429,
        "too many requests with this API token; try again in 30 s",
        "30"
      ])
      expect((yield* post("getpublickey", { userId: USER_ID }, other)).status).toBe(200)
    }).pipe(Effect.provide(limited({ token: rate(2) })))
  )
})

describe("requests that are refused", () => {
  it.scoped("count for their address: without a token, unusable, to unknown paths; good ones do not", () =>
    Effect.gen(function* () {
      const { post, send } = yield* start
      const { failed } = yield* Limits
      const counted = <A>(request: Effect.Effect<A>) =>
        Effect.map(request, () => {
          const isCounted = failed.wait("", 0) > 0
          failed.giveBack("", 0)
          return isCounted
        })
      const json = { userId: USER_ID }
      expect(yield* counted(post("getpublickey", json, {}))).toBe(true)
      expect(yield* counted(post("getpublickey", {}))).toBe(true)
      expect(yield* counted(post("getpublickey", `"${"x".repeat(300_000)}"`))).toBe(true)
      expect(yield* counted(send("/api/ens/getpublickey"))).toBe(true)
      expect(yield* counted(send("/wp-login.php"))).toBe(true)
      expect(yield* counted(post("getpublickey", json))).toBe(false)
      expect(yield* counted(post("getsubscriptionstatus", { userId: user(9) }))).toBe(false)
      expect(yield* counted(send("/readyz"))).toBe(false)
    }).pipe(Effect.provide(limited({ failed: rate(1) })))
  )
})

describe("requests that come while ENS is overloaded", () => {
  it.scoped(
    "count for their address if their token is not known, or each would have its line in the log",
    () =>
      Effect.gen(function* () {
        const { post } = yield* start
        const { failed } = yield* Limits
        expect((yield* post("getpublickey", { userId: USER_ID })).status).toBe(200)
        const { press } = yield* Intake
        press("high")
        const ask = (headers?: Record<string, string>) =>
          Effect.map(post("getpublickey", { userId: USER_ID }, headers), ({ status }) => status)
        expect(yield* ask()).toBe(503)
        expect(failed.wait("", 0)).toBe(0)
        expect(yield* ask({ ENSAPIToken: "unknown" })).toBe(503)
        expect(failed.wait("", 0)).toBeGreaterThan(0)
      }).pipe(Effect.provide(limited({ failed: rate(1) })))
  )

  it.scoped(
    "have few lines in the log if their token is not known, and so have those while storage is away",
    () => {
      const lines: Array<Line> = []
      const told = (status: string) =>
        lines.filter(({ text }) => text.includes(`HttpStatusCode:[${status}]`)).length
      return Effect.gen(function* () {
        const { post } = yield* start
        const faults = yield* StorageFaults
        const { press } = yield* Intake
        const body = { userId: USER_ID }
        yield* post("getsubscriptionstatus", body)
        faults.down(true)
        for (let i = 0; i < 5; i++) {
          const asked = yield* Effect.fork(post("getpublickey", body, { ENSAPIToken: "unknown" }))
          yield* Effect.promise(() => new Promise((done) => setTimeout(done, 5)))
          yield* TestClock.adjust("1 seconds")
          expect((yield* Fiber.join(asked)).json["responseCode"]).toBe(8)
        }
        press("high")
        for (let i = 0; i < 20; i++) yield* post("getpublickey", body, { ENSAPIToken: "unknown" })
        expect(told("InternalServerError")).toBe(5)
        expect(told("ServiceUnavailable")).toBeLessThanOrEqual(6)
        for (let i = 0; i < 20; i++) yield* post("getsubscriptionstatus", body)
        expect(lines.filter(({ text }) => text.startsWith("getsubscriptionstatus request")).length).toBe(21)
      }).pipe(Effect.provide(layer({ limits: NO_LIMITS }, lines)))
    }
  )
})

describe("questions whether ENS is ready", () => {
  it.scoped("have storage asked 20 times a second at most, whoever sends how many", () =>
    Effect.gen(function* () {
      const { send } = yield* start
      const faults = yield* StorageFaults
      const before = faults.calls("ping")
      for (let i = 0; i < 50; i++) yield* send("/readyz")
      expect(faults.calls("ping") - before).toBe(20)
      yield* TestClock.adjust("1 seconds")
      yield* send("/readyz")
      expect(faults.calls("ping") - before).toBe(21)
    }).pipe(Effect.provide(limited({})))
  )
})

describe("what limits refuse", () => {
  const counts = Effect.all({
    user: Metric.value(limitRefusals.user),
    token: Metric.value(limitRefusals.token),
    newUsers: Metric.value(limitRefusals.newUsers),
    registrations: Metric.value(limitRefusals.registrations)
  })

  it.scoped("is counted for each limit", () =>
    Effect.gen(function* () {
      const { post } = yield* start
      const before = yield* counts
      const script = yield* SubscriptionScript
      const asked = yield* Deferred.make<void>()
      script.reply("Register", Effect.zipRight(Deferred.succeed(asked, undefined), Effect.never))
      const { json } = yield* post("getpublickey", { userId: USER_ID })
      expect((yield* post("getpublickey", { userId: user(2) })).status).toBe(429)
      const body = yield* registration(json["publicKey"])
      yield* Effect.fork(post("registerdevicev2", body))
      yield* Deferred.await(asked)
      expect((yield* post("registerdevicev2", body)).status).toBe(429)
      expect((yield* post("registerdevicev2", body)).status).toBe(429)
      expect((yield* post("getpublickey", { userId: user(3) })).status).toBe(429)
      expect((yield* post("getpublickey", { userId: user(4) })).status).toBe(429)
      const after = yield* counts
      const added = (limit: keyof typeof after) => after[limit].count - before[limit].count
      expect([added("user"), added("registrations"), added("newUsers"), added("token")]).toEqual([1, 1, 2, 1])
    }).pipe(Effect.provide(limited({ registrations: 1, newUsers: rate(1), user: rate(2), token: rate(5) })))
  )
})

describe("new users", () => {
  it.scoped("above the limit get no key and cost none; those known are served, and other tenants", () =>
    Effect.gen(function* () {
      const { post } = yield* start
      const faults = yield* StorageFaults
      const ask = (n: number, headers?: Record<string, string>) =>
        post("getpublickey", { userId: user(n) }, headers)
      expect([(yield* ask(1)).status, (yield* ask(2)).status]).toEqual([200, 200])
      const before = faults.calls("createUser")
      const refused = yield* ask(3)
      expect([refused.status, refused.headers.get("retry-after"), refused.json["errorMessage"]]).toEqual([
        429,
        "30",
        "too many users of this organisation asked for a key and have not registered yet; try again in 30 s"
      ])
      for (let i = 0; i < 10; i++) expect((yield* ask(1)).status).toBe(200)
      expect(faults.calls("createUser")).toBe(before)
      expect((yield* ask(3, other)).status).toBe(200)
      yield* TestClock.adjust("30 seconds")
      expect((yield* ask(3)).status).toBe(200)
    }).pipe(Effect.provide(limited({ newUsers: rate(2) })))
  )

  it.scoped(
    "who register, even at the second try, cost the limit nothing: a roll-out is not slowed down",
    () =>
      Effect.gen(function* () {
        const { post } = yield* start
        const script = yield* SubscriptionScript
        const { json } = yield* post("getpublickey", { userId: USER_ID })
        const next = Effect.map(post("getpublickey", { userId: user(2) }), ({ status }) => status)
        expect(yield* next).toBe(429)
        const body = yield* registration(json["publicKey"])
        script.reply("Register", Effect.succeed({ code: "SubscribeAgain", message: "no" }))
        yield* post("registerdevicev2", body)
        expect(yield* next).toBe(429)
        script.reply("Register", Effect.succeed({ code: "UserSubscribed", message: "", subscriptionId: "x" }))
        expect((yield* post("registerdevicev2", body)).status).toBe(200)
        expect(yield* next).toBe(200)
        // Once only.
        yield* post("registerdevicev2", body)
        expect((yield* post("getpublickey", { userId: user(3) })).status).toBe(429)
      }).pipe(Effect.provide(limited({ newUsers: rate(1) })))
  )

  it.scoped("who turn out to be registered already cost the limit nothing either", () =>
    Effect.gen(function* () {
      const { post } = yield* start
      const script = yield* SubscriptionScript
      for (const [n, code] of (["Success", "UserAlreadySubscribed"] as const).entries()) {
        const address = `user${n}@example.com`
        const { json, status } = yield* post("getpublickey", { userId: user(n) })
        expect(status, code).toBe(200)
        expect((yield* post("getpublickey", { userId: user(9) })).status, code).toBe(429)
        script.reply("Register", Effect.succeed({ code, message: "" }))
        const body = yield* registration(json["publicKey"], { userId: user(n) }, { emailAddress: address })
        expect((yield* post("registerdevicev2", body)).status, code).toBe(200)
      }
      expect((yield* post("getpublickey", { userId: user(9) })).status).toBe(200)
    }).pipe(Effect.provide(limited({ newUsers: rate(1) })))
  )

  it.scoped("who could not be made cost nothing", () =>
    Effect.gen(function* () {
      const { post } = yield* start
      const faults = yield* StorageFaults
      faults.failNext("createUser")
      expect((yield* post("getpublickey", { userId: user(1) })).status).toBe(500)
      expect((yield* post("getpublickey", { userId: user(2) })).status).toBe(200)
    }).pipe(Effect.provide(limited({ newUsers: rate(1) })))
  )

  it.scoped("who ask on many ways at once are made once, for one key", () =>
    Effect.gen(function* () {
      const { post } = yield* start
      const faults = yield* StorageFaults
      yield* post("getsubscriptionstatus", { userId: USER_ID })
      // Each of them finds nobody yet.
      faults.delay(1_000)
      const asked = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 20 }, () => post("getpublickey", { userId: USER_ID })),
          { concurrency: "unbounded" }
        )
      )
      for (let i = 0; i < 28; i++) {
        yield* Effect.promise(() => new Promise((done) => setTimeout(done, 5)))
        yield* TestClock.adjust("1 seconds")
      }
      const answers = yield* Fiber.join(asked)
      faults.delay(0)
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      expect(new Set(answers.map(({ json }) => json["publicKey"])).size).toBe(1)
      expect(faults.calls("createUser")).toBe(1)
      yield* userNumber
    }).pipe(Effect.provide(limited({ newUsers: rate(1) })))
  )
})

describe("registrations", () => {
  it.scoped("above the limit are answered 429 at once, while other requests go on", () =>
    Effect.gen(function* () {
      const { post } = yield* start
      const script = yield* SubscriptionScript
      const done = yield* Deferred.make<unknown>()
      const asked = yield* Deferred.make<void>()
      script.reply("Register", Effect.zipRight(Deferred.succeed(asked, undefined), Deferred.await(done)))
      const { json } = yield* post("getpublickey", { userId: USER_ID })
      const body = yield* registration(json["publicKey"])
      const first = yield* Effect.fork(post("registerdevicev2", body))
      yield* Deferred.await(asked)
      const refused = yield* post("registerdevicev2", body)
      expect([refused.status, refused.headers.get("retry-after"), refused.json["errorMessage"]]).toEqual([
        429,
        "30",
        "too many registrations at once; try again later"
      ])
      expect((yield* post("getpublickey", { userId: USER_ID })).status).toBe(200)
      yield* Deferred.succeed(done, { code: "UserSubscribed", message: "", subscriptionId: "x" })
      expect((yield* Fiber.join(first)).status).toBe(200)
      expect((yield* post("registerdevicev2", body, { ENSAPIToken: TOKEN })).status).toBe(200)
    }).pipe(Effect.provide(limited({ registrations: 1 })))
  )

  it.scoped("of one tenant that hang leave room for another's", () =>
    Effect.gen(function* () {
      const { post } = yield* start
      const script = yield* SubscriptionScript
      script.reply("Register", Effect.never)
      const keyFor = (headers?: Record<string, string>) =>
        Effect.flatMap(post("getpublickey", { userId: USER_ID }, headers), ({ json }) =>
          registration(json["publicKey"])
        )
      const [mine, theirs] = [yield* keyFor(), yield* keyFor(other)]
      const hanging: Array<Fiber.Fiber<Got>> = []
      for (let i = 0; i < 9; i++) hanging.push(yield* Effect.fork(post("registerdevicev2", mine)))
      const refused = yield* Effect.forEach(hanging, (fiber) =>
        Fiber.join(fiber).pipe(
          Effect.map(({ status }) => status === 429),
          Effect.timeoutTo({ duration: "1 seconds", onSuccess: (is) => is, onTimeout: () => false }),
          Effect.zipLeft(TestClock.adjust("1 seconds"), { concurrent: true })
        )
      )
      expect(refused.filter((is) => is).length).toBe(3)
      script.reply("Register", Effect.succeed({ code: "UserSubscribed", message: "", subscriptionId: "x" }))
      expect((yield* post("registerdevicev2", theirs, other)).status).toBe(200)
    }).pipe(Effect.provide(limited({ registrations: 8 })))
  )

  it.scoped("whose payloads would wait too long to be opened are answered 429 with the time to wait", () =>
    Effect.gen(function* () {
      yield* makeToken()
      yield* TestClock.adjust(0)
      const { post } = yield* open.pipe(
        Effect.provideService(RegistrationPayloads, { open: () => new PayloadsCrowded() })
      )
      const before = (yield* Metric.value(limitRefusals.registrations)).count
      const { json } = yield* post("getpublickey", { userId: USER_ID })
      const refused = yield* post("registerdevicev2", yield* registration(json["publicKey"]))
      expect([refused.status, refused.headers.get("retry-after"), refused.json["errorMessage"]]).toEqual([
        429,
        "5",
        "too many registrations of this organisation wait; try again in 5 s"
      ])
      expect((yield* Metric.value(limitRefusals.registrations)).count).toBe(before + 1)
    }).pipe(Effect.provide(limited({})))
  )
})

describe("requests that are refused for their token", () => {
  it.scoped("have a line each in the log while they are few; of many one line a minute says how many", () => {
    const lines: Array<Line> = []
    const refused = () => lines.filter(({ text }) => text.includes("ResponseCode:[UnauthorizedRequest]"))
    return Effect.gen(function* () {
      const { post } = yield* start
      const before = yield* unauthorized
      const ask = post("getpublickey", {}, {})
      for (let i = 0; i < 15; i++) {
        expect((yield* ask).status).toBe(401)
      }
      expect(refused().length).toBe(10)
      expect((yield* unauthorized) - before).toBe(15)
      yield* TestClock.adjust("1 minute")
      expect(lines.filter(({ text }) => text.includes("more requests")).map(({ text }) => text)).toEqual([
        "5 more requests without a known API token were refused in the last minute, too many for a line each"
      ])
      yield* ask
      expect(refused().length).toBe(11)
      // Those with a known token are told as ever.
      for (let i = 0; i < 15; i++) yield* post("getsubscriptionstatus", { userId: USER_ID })
      expect(lines.filter(({ text }) => text.startsWith("getsubscriptionstatus request")).length).toBe(15)
    }).pipe(Effect.provide(layer({ limits: NO_LIMITS }, lines)))
  })

  it("have at most a line a second in all, wherever they come from", () => {
    let begun = 0
    const lines = new RefusedLines(() => begun++)
    const told = Array.from({ length: 500 }, (_, i) => lines.mayTell(`192.0.2.${i % 100}`, 1_000))
    expect(told.filter((one) => one).length).toBe(60)
    expect(lines.mayTell("198.51.100.1", 2_000)).toBe(true)
    expect(lines.mayTell("198.51.100.2", 2_000)).toBe(false)
    expect(begun).toBe(1)
    expect(lines.take()).toEqual([expect.stringMatching(/^441 more /)])
    expect(lines.take()).toEqual([])
  })
})

const unauthorized = Effect.map(Metric.snapshot, (all) =>
  all
    .filter(
      ({ metricKey }) =>
        metricKey.name === "ens_device_requests_total" &&
        metricKey.tags.some(({ value }) => value === "UnauthorizedRequest")
    )
    .reduce((sum, { metricState }) => sum + Number((metricState as { readonly count?: number }).count), 0)
)
