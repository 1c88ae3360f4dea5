import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { Generation } from "../../schemas/Ids.ts"
import { events, inWorld, MINUTE } from "../support/ActorFixture.ts"
import { faults, inboxIdOf } from "../support/FakeEws.ts"

const ANN = "ann@example.com"

describe("a callback", () => {
  it.scopedLive(
    "that comes before Exchange has answered the Subscribe waits and is handled then",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* world.ews.hold("inbox")
        const registering = ens.register(ANN)
        yield* world.settled
        const heartbeat = yield* ens.heartbeat(ANN)
        const mail = yield* ens.mail(ANN, { sender: "Bob", subject: "early" })
        expect([heartbeat.reply, mail.reply]).toEqual(["Ok", undefined])
        yield* world.ews.release("inbox")
        yield* world.settled
        yield* world.settled
        expect(registering.reply).toMatchObject({ code: "UserSubscribed" })
        expect([mail.reply, mail.replies]).toEqual(["Ok", 1])
        expect(yield* world.titles("phone")).toEqual(["Bob · early"])
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
      })
    )
  )

  it.scopedLive(
    "that is nothing but an early heartbeat confirms the subscription",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* world.ews.hold("inbox")
        ens.register(ANN)
        yield* world.settled
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        yield* world.ews.release("inbox")
        yield* world.settled
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
      })
    )
  )

  it.scopedLive(
    "that came early is to be repeated when the Subscribe fails, and ends then",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* world.ews.hold("inbox")
        yield* world.ews.failNext("inbox", faults.unauthorized())
        ens.register(ANN)
        yield* world.settled
        const mail = yield* ens.mail(ANN)
        yield* world.ews.release("inbox")
        yield* world.settled
        expect([mail.reply, mail.replies]).toEqual(["Retry", 1])
        expect((yield* ens.callback(ANN, mail.arrived.events)).reply).toBe("Unsubscribe")
        expect(yield* world.push.received("phone")).toEqual([])
      })
    )
  )

  it.scopedLive(
    "of a subscription that the process died before storing is adopted after the restart",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* world.start
        const user = yield* world.user(ANN)
        yield* first.registered(ANN)
        yield* world.ews.hold("inbox")
        first.register(ANN, { force: true })
        yield* world.settled
        yield* first.kill
        yield* world.ews.release("inbox")
        const old = (yield* world.ews.subscriptions(ANN))[0]
        if (old === undefined) throw new Error("no subscription")

        const second = yield* world.start
        expect((yield* second.heartbeat(ANN, { subscription: old })).reply).toBe("Ok")
        const mail = yield* second.mail(ANN, { sender: "Bob", subject: "Hi" })
        expect(mail.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
        expect((yield* second.heartbeat(ANN, { subscription: old })).reply).toBe("Unsubscribe")
        expect(Option.getOrThrow(yield* world.storage.subscription(user))).toMatchObject({
          generation: 2,
          subscriptionId: "subscription-2"
        })
        const third = yield* world.start
        expect((yield* third.heartbeat(ANN)).reply).toBe("Ok")
        expect((yield* third.heartbeat(ANN, { subscription: old })).reply).toBe("Unsubscribe")
      })
    )
  )

  it.scopedLive(
    "of an adopted subscription brings credentials that work, whatever the old ones did",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* world.start
        yield* world.user(ANN)
        yield* first.registered(ANN)
        yield* world.ews.setPassword(ANN, "new-word")
        yield* first.mail(ANN)
        expect(yield* first.status(ANN)).toMatchObject({ state: "CredentialsRejected" })
        world.faults.failNext("saveSubscribed")
        yield* first.registered(ANN, { credentials: { password: "new-word" }, force: true })
        yield* first.mail(ANN, { sender: "Bob", subject: "with details" })
        expect((yield* world.titles("phone")).at(-1)).toBe("Bob · with details")
        expect(yield* first.status(ANN)).toMatchObject({ state: "Active" })
      })
    )
  )

  it.scopedLive(
    "of an old generation is ended only after storage was read, and repeated while it cannot be",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        const old = yield* world.subscription(ANN)
        yield* ens.registered(ANN, { force: true })
        world.faults.down(true)
        expect((yield* ens.heartbeat(ANN, { subscription: old })).reply).toBe("Retry")
        world.faults.down(false)
        const reads = world.faults.calls("subscription")
        expect((yield* ens.heartbeat(ANN, { subscription: old })).reply).toBe("Unsubscribe")
        expect(world.faults.calls("subscription")).toBeGreaterThan(reads)
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
      })
    )
  )

  it.scopedLive(
    "that waits for storage is answered when the user leaves meanwhile",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        const old = yield* world.subscription(ANN)
        yield* ens.registered(ANN, { force: true })
        yield* world.ews.hold("mails")
        const mail = yield* ens.mail(ANN)
        const leaving = ens.unregister(ANN, "phone")
        expect((yield* leaving).code).toBe("DeviceUnregisteredUserUnsubscribed")
        const late = yield* ens.heartbeat(ANN, { subscription: old })
        expect([mail.reply, late.reply]).toEqual(["Retry", "Unknown"])
      })
    )
  )

  it.scopedLive(
    "of a generation above the one that is being subscribed waits for its repeat (a restored backup)",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN)
        const before = Option.getOrThrow(yield* world.storage.subscription(user))
        yield* ens.registered(ANN, { force: true })
        yield* ens.registered(ANN, { force: true })
        const newest = yield* world.subscription(ANN)
        yield* ens.stop
        // The backup knows the first subscription only.
        yield* world.storage.saveSubscribed(
          { ...before, subscriptionId: newest.subscriptionId, watermark: null, unread: 0 },
          Option.getOrThrow(yield* world.storage.user(user)).fingerprint ?? new Uint8Array(),
          undefined
        )
        const restored = yield* world.start
        yield* world.ews.hold("subscribe")
        const registering = restored.register(ANN, { force: true })
        yield* world.settled
        expect((yield* restored.heartbeat(ANN, { subscription: newest })).reply).toBe("Retry")
        yield* world.ews.release("subscribe")
        yield* world.settled
        expect(registering.reply).toMatchObject({ code: "UserSubscribed" })
        expect((yield* restored.heartbeat(ANN, { subscription: newest })).reply).toBe("Ok")
      })
    )
  )

  it.scopedLive(
    "of the live generation with another subscription id than the recorded one ends it",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        const subscription = yield* world.subscription(ANN)
        const other = { ...subscription, subscriptionId: "another" as typeof subscription.subscriptionId }
        expect((yield* ens.heartbeat(ANN, { subscription: other })).reply).toBe("Unsubscribe")
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
      })
    )
  )

  it.scopedLive(
    "of a user whom storage has forgotten is unknown, and is repeated while storage cannot say",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* world.start
        const user = yield* world.user(ANN)
        yield* first.registered(ANN)
        yield* first.stop
        yield* world.storage.deleteUser(user)
        const second = yield* world.start
        world.faults.down(true)
        expect((yield* second.heartbeat(ANN)).reply).toMatchObject({ _tag: "Unavailable" })
        world.faults.down(false)
        expect((yield* second.heartbeat(ANN)).reply).toBe("Unknown")
      })
    )
  )

  it.scopedLive(
    "that comes while subscriptions are being loaded is not told that nobody knows it",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* world.start
        yield* world.user(ANN)
        yield* first.registered(ANN)
        yield* first.stop
        world.faults.down(true)
        const second = yield* world.start
        expect(second.subscriptions.loaded()).toBe(false)
        expect((yield* second.heartbeat(ANN)).reply).toMatchObject({ reason: "storage away" })
        world.faults.down(false)
        yield* world.advance(2_000)
        expect(second.subscriptions.loaded()).toBe(true)
        expect((yield* second.heartbeat(ANN)).reply).toBe("Ok")
      })
    )
  )

  it.scopedLive(
    "that comes before its subscription is loaded is served then",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* world.start
        yield* world.user(ANN)
        yield* first.registered(ANN)
        yield* first.stop
        world.faults.failNext("subscriptions")
        const second = yield* world.start
        expect(second.subscriptions.loaded()).toBe(false)
        yield* second.mail(ANN, { sender: "Bob", subject: "Hi" })
        expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
        yield* world.advance(2_000)
        expect(second.subscriptions.loaded()).toBe(true)
        expect(yield* second.subscriptions.count).toBe(1)
        expect((yield* second.heartbeat(ANN)).reply).toBe("Ok")
      })
    )
  )

  it.scopedLive(
    "that reports an error is answered Unsubscribe, and a new subscription is made from its URL",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN)
        const broken = yield* world.subscription(ANN)
        const reply = (yield* ens.callback(ANN, [], { errorCode: "ErrorReadEventsFailed" })).reply
        expect(reply).toBe("Unsubscribe")
        expect(yield* world.ews.count("subscribe")).toBe(2)
        expect(Option.getOrThrow(yield* world.storage.subscription(user)).generation).toBe(2 as Generation)
        expect((yield* ens.heartbeat(ANN, { subscription: broken })).reply).toBe("Unsubscribe")
        yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })
        expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
      })
    )
  )

  it.scopedLive(
    "that reports an error while Exchange does not subscribe makes the subscription overdue",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* ens.heartbeat(ANN)
        yield* world.ews.failNext("subscribe", faults.unreachable(), { times: 4 })
        expect((yield* ens.callback(ANN, [], { errorCode: "ErrorReadEventsFailed" })).reply).toBe(
          "Unsubscribe"
        )
        expect(yield* ens.status(ANN)).toMatchObject({ code: "UserAlreadySubscribed" })
        yield* world.advance(10_000)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Overdue" })
        yield* world.advance(3 * MINUTE, MINUTE)
        expect((yield* world.push.received("phone")).map(({ kind }) => kind)).toEqual(["resubscribe"])
      })
    )
  )

  it.scopedLive(
    "with an unexpected PreviousWatermark is handled like any other",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* ens.heartbeat(ANN)
        const { events: list } = yield* world.arrive(ANN, { sender: "Bob", subject: "Hi" })
        expect((yield* ens.callback(ANN, list, { previousWatermark: "from elsewhere" })).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
        expect(yield* world.ews.count("subscribe")).toBe(1)
      })
    )
  )

  it.scopedLive(
    "that repeats what is in hand waits for the same end, once the answer is there both have it",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* world.push.hold
        const first = yield* ens.mail(ANN)
        const second = yield* ens.callback(ANN, first.arrived.events)
        expect([first.replies, second.replies]).toEqual([0, 0])
        yield* world.push.release
        yield* world.settled
        expect([first.reply, second.reply]).toEqual(["Ok", "Ok"])
        expect(yield* world.push.received("phone")).toHaveLength(1)
        expect(yield* world.ews.count("mails")).toBe(1)
      })
    )
  )

  it.scopedLive(
    "that comes while another one is in hand waits, and many at once are bounded",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* world.push.hold
        const all = []
        for (let i = 0; i < 20; i++) all.push(yield* ens.mail(ANN))
        const refused = all.filter(({ reply }) => reply === "Retry").length
        expect(refused).toBe(3)
        yield* world.push.release
        yield* world.settled
        yield* world.settled
        expect(all.filter(({ reply }) => reply === "Ok")).toHaveLength(17)
        expect(all.every(({ replies }) => replies === 1)).toBe(true)
        expect((yield* world.push.received("phone")).map(({ payload }) => payload.ens)).toMatchObject([
          { messageId: all[0]?.arrived.item },
          { count: 16 }
        ])
        expect(yield* world.ews.count("mails")).toBe(2)
      })
    )
  )

  it.scopedLive(
    "whose mails lie elsewhere only touches the badge (a URL that leaked names items of other folders)",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        const elsewhere = yield* world.arrive(ANN, { folder: inboxIdOf("archive"), subject: "secret" })
        const [created, newMail] = elsewhere.events
        if (created === undefined || newMail === undefined) throw new Error("no events")
        expect((yield* ens.callback(ANN, [created, newMail])).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual([])
        const moved = yield* ens.callback(ANN, [events.moved(ANN, elsewhere.item)])
        yield* world.advance(3_100)
        expect(moved.reply).toBe("Ok")
        expect(yield* world.push.received("phone")).toEqual([])
      })
    )
  )
})
