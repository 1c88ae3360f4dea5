import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { inWorld, type World } from "../support/ActorFixture.ts"
import { faults } from "../support/FakeEws.ts"

const ANN = "ann@example.com"

const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    const user = yield* world.user(ANN)
    yield* ens.registered(ANN)
    yield* ens.heartbeat(ANN)
    return { ens, user }
  })

const lost = { effective: true }

describe("a Subscribe whose answer is lost", () => {
  it.scopedLive(
    "has made a subscription all the same, which is taken over by its first callback",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* ready(world)
        const old = yield* world.subscription(ANN)
        yield* world.ews.failNext("subscribe", faults.timeout(), lost)
        expect(yield* ens.registered(ANN, { force: true })).toMatchObject({ code: "SubscribeAgain" })
        const mail = yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })
        expect(mail.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
        expect((yield* ens.heartbeat(ANN, { subscription: old })).reply).toBe("Unsubscribe")
        yield* world.settled
        const made = yield* world.subscription(ANN)
        expect(Option.getOrThrow(yield* world.storage.subscription(user))).toMatchObject({
          subscriptionId: made.subscriptionId
        })
      })
    )
  )

  it.scopedLive(
    "of a first registration is ended once the device has tried again",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* world.ews.failNext("subscribe", faults.timeout(), lost)
        expect(yield* ens.registered(ANN)).toMatchObject({ code: "SubscribeAgain" })
        const orphan = yield* world.subscription(ANN)
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        expect(yield* ens.registered(ANN)).toMatchObject({ code: "UserSubscribed" })
        expect((yield* ens.heartbeat(ANN, { subscription: orphan })).reply).toBe("Unsubscribe")
        expect((yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
      })
    )
  )

  it.scopedLive(
    "and that is repeated, because the connection broke, leaves one subscription in force",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* world.ews.failNext("subscribe", faults.unreachable(true), lost)
        const registering = ens.register(ANN)
        yield* world.advance(2_000)
        expect(registering.reply).toMatchObject({ code: "UserSubscribed" })
        const [orphan, live] = yield* world.ews.subscriptions(ANN)
        expect((yield* ens.heartbeat(ANN, { subscription: orphan! })).reply).toBe("Unsubscribe")
        expect((yield* ens.heartbeat(ANN, { subscription: live! })).reply).toBe("Ok")
      })
    )
  )
})

describe("an unregistration", () => {
  it.scopedLive(
    "of the last device waits for the Subscribe in flight, and ends what it made",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* ready(world)
        yield* world.ews.hold("subscribe")
        const registering = ens.register(ANN, { force: true })
        yield* world.settled
        yield* Effect.fork(Effect.exit(ens.unregister(ANN, "phone")))
        yield* world.settled
        yield* world.ews.release("subscribe")
        yield* world.settled
        yield* world.settled
        expect(registering.reply).toMatchObject({ code: "UserSubscribed" })
        expect(Option.isNone(yield* world.storage.user(user))).toBe(true)
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Unknown")
      })
    )
  )

  it.scopedLive(
    "during a renewal leaves nobody behind",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* ready(world)
        yield* world.ews.hold("subscribe")
        yield* ens.callback(ANN, [], { errorCode: "ErrorReadEventsFailed" })
        yield* Effect.fork(Effect.exit(ens.unregister(ANN, "phone")))
        yield* world.settled
        yield* world.ews.release("subscribe")
        yield* world.settled
        yield* world.settled
        expect(Option.isNone(yield* world.storage.user(user))).toBe(true)
        expect(yield* ens.subscriptions.count).toBe(0)
      })
    )
  )
})

describe("a renewal", () => {
  it.scopedLive(
    "and a registration of the same moment make one subscription",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens } = yield* ready(world)
        yield* world.ews.hold("subscribe")
        yield* ens.callback(ANN, [], { errorCode: "ErrorReadEventsFailed" })
        const registering = ens.register(ANN, { force: true })
        yield* world.settled
        yield* world.ews.release("subscribe")
        yield* world.settled
        yield* world.settled
        // The subscription is younger than the request, which proves its own credentials all the same.
        expect(registering.reply).toMatchObject({ code: "Success" })
        expect(yield* world.ews.count("subscribe")).toBe(2)
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
      })
    )
  )

  it.scopedLive(
    "does not disturb the mail that is being fetched when Exchange reports the error",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens } = yield* ready(world)
        yield* world.ews.hold("mails")
        const mail = yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })
        const error = yield* ens.callback(ANN, [], { errorCode: "ErrorReadEventsFailed" })
        expect(error.reply).toBe("Unsubscribe")
        expect(mail.reply).toBeUndefined()
        yield* world.ews.release("mails")
        yield* world.settled
        yield* world.settled
        expect(mail.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Unconfirmed" })
        expect(yield* world.ews.concurrent).toBe(1)
      })
    )
  )
})

describe("a registration", () => {
  it.scopedLive(
    "that waited too long behind others does not begin anything",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens } = yield* ready(world)
        yield* world.ews.hold("subscribe")
        ens.register(ANN, { force: true })
        const second = ens.register(ANN, {
          token: "tablet",
          ewsUrl: "https://new.example.com/EWS/Exchange.asmx"
        })
        yield* world.advance(25_000)
        const calls = yield* world.ews.count()
        yield* world.ews.release("subscribe")
        yield* world.settled
        yield* world.settled
        expect(second.reply).toMatchObject({ code: "SubscribeAgain", retryAfterSeconds: 60 })
        // GetFolder of the first one.
        expect((yield* world.ews.count()) - calls).toBe(1)
      })
    )
  )
})
