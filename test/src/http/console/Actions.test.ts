import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Option, TestClock } from "effect"
import { DossierChanges } from "../../../../actors/DossierChanges.ts"
import { Unavailable } from "../../../../actors/Subscriptions.ts"
import { Storage } from "../../../../layers/storage/Storage.ts"
import { userIdOfAddress } from "../../../../schemas/Ids.ts"
import { Verdict } from "../../../../schemas/Push.ts"
import type { Unregister } from "../../../../schemas/SubscriptionMessage.ts"
import { addSubscriber, addTenant, addUser } from "../../../layers/storage/Samples.ts"
import { SubscriptionScript } from "../../../support/FakeSubscriptions.ts"
import { StorageFaults } from "../../../support/FaultyStorage.ts"
import { makeOwnership } from "../../../support/ScriptedOwnership.ts"
import { device, FakePush, openConsole, SAME_ORIGIN, world } from "./ConsoleFixture.ts"

const USER = userIdOfAddress("anna@example.com")

/** A signed-in administrator, a user with one iOS device, and the way to act on her. */
const begin = Effect.gen(function* () {
  const { signedIn } = yield* openConsole
  const { call } = yield* signedIn()
  const user = yield* addSubscriber(yield* addTenant("default"), "anna")
  const act = (action: string, tenant = "default") =>
    call(`users/${USER}/actions`, { method: "POST", body: { tenant, action } })
  return { act, call, storage: yield* Storage, user }
})

const lastAudit = Effect.flatMap(Storage, ({ audits }) => Effect.map(audits(1), ([last]) => last))

describe("A test notification", () => {
  const push = new FakePush()

  it.scoped("can be seen on each device as its policy allows, and says what the gateway said", () =>
    Effect.gen(function* () {
      const { act, storage, user } = yield* begin
      yield* storage.saveDevice(user, device({ token: "two", policy: 3 }))
      yield* storage.saveDevice(user, device({ token: "three", policy: 4, platform: "Android" }))
      yield* storage.saveDevice(user, device({ token: "four", platform: "Android" }))
      push.verdict = ({ target }) =>
        target.token === "four" ? Verdict.TokenDead({ since: undefined }) : Verdict.Delivered()
      const got = yield* act("test")
      expect(got.json).toEqual({
        done: true,
        says:
          'Test: device 1 (iOS): the gateway took it; device 2 (iOS): the gateway took it (shown as "New message"); ' +
          "device 3 (Android): not sent, its policy (4) shows nothing of a mail; " +
          "device 4 (Android): its push token is dead, so it is removed until the app registers."
      })
      expect((yield* storage.devices(user)).map(({ device }) => device)).toEqual([1, 2, 3])
      const texts = push.sent.map(({ payload }) => JSON.stringify(payload))
      expect(texts[0]).toContain('"title":"Test from ENS"')
      expect(texts[1]).toContain('"body":"New message"')
      expect(texts[1]).not.toContain("Test from ENS")
      expect(push.sent.map(({ target }) => target.token)).toEqual(["phone of anna", "two", "four"])
      expect(yield* lastAudit).toMatchObject({
        actor: "console:Night shift",
        action: "user.test",
        target: USER,
        outcome: "success"
      })
    }).pipe(Effect.provide(world({ push, settings: { textNewMessage: "New message" } })))
  )

  it.scoped("can be sent once in ten seconds, and is another one each time", () => {
    const push = new FakePush()
    return Effect.gen(function* () {
      const { act } = yield* begin
      expect((yield* act("test")).status).toBe(200)
      const soon = yield* act("test")
      expect([soon.status, soon.headers.get("retry-after")]).toEqual([429, "10"])
      yield* TestClock.adjust("10 seconds")
      expect((yield* act("test")).status).toBe(200)
      expect(new Set(push.sent.map(({ id }) => id)).size).toBe(2)
    }).pipe(Effect.provide(world({ push })))
  })

  it.scoped("that no gateway takes has failed, and is recorded so", () => {
    const push = new FakePush()
    push.verdict = () => Verdict.GatewayDown({ reason: "HTTP 401" })
    return Effect.gen(function* () {
      const { act } = yield* begin
      expect((yield* act("test")).json).toEqual({
        done: false,
        says: "Test: device 1 (iOS): the gateway is down (HTTP 401)."
      })
      expect(yield* lastAudit).toMatchObject({ action: "user.test", outcome: "failure" })
    }).pipe(Effect.provide(world({ push })))
  })
})

describe("Asking the app to register", () => {
  it.scoped("is a silent push, twice an hour at most, as for everybody", () => {
    const push = new FakePush()
    return Effect.gen(function* () {
      const { act, storage, user } = yield* begin
      for (let n = 0; n < 2; n += 1) {
        expect((yield* act("ask")).json).toEqual({
          done: true,
          says: "Asked to register: device 1 (iOS): the gateway took it."
        })
      }
      expect((yield* act("ask")).json).toEqual({
        done: false,
        says: "Asked to register: device 1 (iOS): asked twice within the hour, again in 60 min."
      })
      expect(push.sent.map(({ kind }) => kind)).toEqual(["resubscribe", "resubscribe"])
      const [stored] = yield* storage.devices(user)
      expect(stored!.nudgedAt).toHaveLength(2)
    }).pipe(Effect.provide(world({ push })))
  })
})

describe("Asking many times at once", () => {
  it.scoped("is two silent pushes, too", () => {
    const push = new FakePush()
    return Effect.gen(function* () {
      const { act, storage, user } = yield* begin
      const faults = yield* StorageFaults
      faults.delay(10)
      const asking = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 5 }, () => act("ask")),
          { concurrency: "unbounded" }
        )
      )
      while (asking.unsafePoll() === null) {
        yield* TestClock.adjust("10 millis")
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      faults.delay(0)
      expect((yield* asking).filter(({ json }) => json["done"] === true)).toHaveLength(2)
      expect(push.sent).toHaveLength(2)
      const [stored] = yield* storage.devices(user)
      expect(stored!.nudgedAt).toHaveLength(2)
    }).pipe(Effect.provide(world({ push })))
  })
})

describe("A device whose push token is dead", () => {
  for (const action of ["test", "ask"]) {
    it.scoped(`is removed by what ${action} hears of it, unless it registered since`, () => {
      const push = new FakePush()
      push.verdict = ({ target }) => Verdict.TokenDead({ since: target.token === "new" ? 500 : undefined })
      const changed: Array<string> = []
      return Effect.gen(function* () {
        const { act, storage, user } = yield* begin
        yield* storage.saveDevice(user, device({ token: "new", registeredAt: 1_000 }))
        expect((yield* act(action)).json).toMatchObject({
          done: false,
          says: expect.stringContaining(
            "device 1 (iOS): its push token is dead, so it is removed until the app registers; " +
              "device 2 (iOS): its push token is dead, the app has to register."
          )
        })
        expect((yield* storage.devices(user)).map(({ token }) => token)).toEqual(["new"])
        expect(changed).toContain(user)
      }).pipe(
        Effect.provideService(DossierChanges, { changed: (user) => Effect.sync(() => changed.push(user)) }),
        Effect.provide(world({ push }))
      )
    })
  }
})

describe("Forgetting a user", () => {
  it.scoped("unregisters all devices through the actor, and says whether the user is gone", () =>
    Effect.gen(function* () {
      const { act, storage, user } = yield* begin
      yield* storage.saveDevice(user, device({ token: "two" }))
      const script = yield* SubscriptionScript
      script.reply("Unregister", Effect.succeed({ code: "DeviceUnregistered", message: "" }))
      const kept = yield* act("forget")
      expect(kept.json).toMatchObject({ done: false, says: expect.stringContaining("still there") })
      const asked = script.requests.map(({ request }) => (request as Unregister).deviceToken)
      expect(asked).toEqual(["phone of anna", "two"])
      expect(yield* lastAudit).toMatchObject({ action: "user.forget", target: USER, outcome: "failure" })
    }).pipe(Effect.provide(world()))
  )

  it.scoped("who never registered takes the keys", () =>
    Effect.gen(function* () {
      const { act, storage } = yield* begin
      const { user } = yield* addUser(yield* addTenant("other"), "anna")
      const got = yield* act("forget", "other")
      expect(got.json).toMatchObject({ done: true, says: expect.stringContaining("keys are destroyed") })
      expect(Option.isNone(yield* storage.user(user))).toBe(true)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("who is lost and has no device goes through the actor, too", () =>
    Effect.gen(function* () {
      const { act, storage, user } = yield* begin
      const [only] = yield* storage.devices(user)
      yield* storage.deleteDevice(user, only!)
      const script = yield* SubscriptionScript
      script.reply("Unregister", Effect.succeed({ code: "UserAlreadySubscribed", message: "" }))
      expect((yield* act("forget")).json).toMatchObject({
        done: false,
        says: expect.stringContaining("goes when Exchange calls next")
      })
      expect(script.requests.map(({ request }) => (request as Unregister).onlyIf)).toEqual([{ _tag: "Lost" }])
    }).pipe(Effect.provide(world()))
  )

  it.scoped("while the actor cannot be reached is to be tried again", () =>
    Effect.gen(function* () {
      const { act } = yield* begin
      const script = yield* SubscriptionScript
      script.reply("Unregister", Effect.fail(new Unavailable({ reason: "storage away" })))
      expect((yield* act("forget")).status).toBe(503)
      expect(yield* lastAudit).toMatchObject({ action: "user.forget", outcome: "failure" })
    }).pipe(Effect.provide(world()))
  )
})

describe("Any action", () => {
  it.scoped("for a user that the tenant does not have is refused", () =>
    Effect.gen(function* () {
      const { act, call } = yield* begin
      expect((yield* act("test", "other")).status).toBe(404)
      expect((yield* act("explode")).status).toBe(400)
      const body = { tenant: "default", action: "test" }
      const nobody = yield* call(`users/${"0".repeat(64)}/actions`, { method: "POST", body })
      expect(nobody.status).toBe(404)
    }).pipe(Effect.provide(world()))
  )

  it.scoped("on a standby is refused, and the node that acts is named", () => {
    const node = makeOwnership("standby")
    const service = { ...node.service, actingNode: () => "ens-b" }
    const push = new FakePush()
    return Effect.gen(function* () {
      const { act } = yield* begin
      for (const action of ["test", "ask", "forget"]) {
        const got = yield* act(action)
        expect([got.status, got.json["problem"]]).toEqual([503, expect.stringContaining("ens-b")])
      }
      expect(push.sent).toEqual([])
    }).pipe(Effect.provide(world({ push, node: { ...node, service } })))
  })
})

describe("Who hangs up", () => {
  /** Sends it and hangs up once `begun`; then everything may go on. */
  const hangUp = Effect.fnUntraced(function* (
    sends: (signal: AbortSignal) => Effect.Effect<unknown>,
    hanging: Latch
  ) {
    const line = new AbortController()
    yield* Effect.forkDaemon(sends(line.signal))
    yield* hanging.begun
    line.abort()
    yield* Effect.sleep("20 millis")
    yield* hanging.goOn
  })

  it.live("while an action is done does not keep it from being recorded", () => {
    const push = new FakePush()
    return Effect.scoped(
      Effect.gen(function* () {
        const { call } = yield* begin
        const hanging = yield* makeLatch
        push.until = hanging.wait
        const body = { tenant: "default", action: "test" }
        yield* hangUp((signal) => call(`users/${USER}/actions`, { method: "POST", body, signal }), hanging)
        yield* eventually(lastAudit, { action: "user.test", outcome: "success" })
      })
    ).pipe(Effect.provide(world({ push })))
  })

  it.live("while a sign-in is refused is recorded all the same", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { api } = yield* openConsole
        const faults = yield* StorageFaults
        faults.delay(50)
        const line = new AbortController()
        const sent = { method: "POST", body: { token: "wrong" }, headers: SAME_ORIGIN, signal: line.signal }
        yield* Effect.forkDaemon(api("session", sent))
        while (faults.calls("adminTokenOf") === 0) yield* Effect.sleep("2 millis")
        line.abort()
        yield* eventually(lastAudit, { action: "console.sign-in", outcome: "failure" })
      })
    ).pipe(Effect.provide(world()))
  )
})

/** Something that hangs until it is told to go on. */
const makeLatch = Effect.gen(function* () {
  const [arrived, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  return {
    wait: Effect.zipRight(Deferred.succeed(arrived, undefined), Deferred.await(gate)),
    begun: Deferred.await(arrived),
    goOn: Deferred.succeed(gate, undefined)
  }
})
type Latch = Effect.Effect.Success<typeof makeLatch>

const eventually = <A, R>(look: Effect.Effect<A, never, R> | Effect.Effect<A, unknown, R>, what: object) =>
  Effect.gen(function* () {
    for (let n = 0; n < 200; n += 1) {
      if (isLike(yield* Effect.orDie(look), what)) return
      yield* Effect.sleep("10 millis")
    }
    expect(yield* Effect.orDie(look)).toMatchObject(what)
  })

const isLike = (value: unknown, what: object) =>
  Object.entries(what).every(([key, one]) => (value as Record<string, unknown> | undefined)?.[key] === one)
