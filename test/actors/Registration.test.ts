import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { EWS_URL, inWorld, MINUTE, OTHER_URL } from "../support/ActorFixture.ts"
import { faults } from "../support/FakeEws.ts"

const ANN = "ann@example.com"

const fail = () => {
  throw new Error("there should be one")
}

describe("a registration", () => {
  it.scopedLive(
    "of a new user subscribes at Exchange and stores the device (7)",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        const reply = yield* ens.registered(ANN)
        expect(reply).toMatchObject({ code: "UserSubscribed", subscriptionId: "subscription-1" })
        expect((yield* world.storage.devices(user)).map((device) => device.token)).toEqual(["phone"])
        const [subscription] = yield* world.ews.subscriptions(ANN)
        expect(subscription).toMatchObject({ statusFrequencyMinutes: 15 })
        expect(subscription?.callbackUrl.length).toBeLessThan(2000)
        const mail = yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })
        expect(mail.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
      })
    )
  )

  it.scopedLive(
    "that changes nothing proves its credentials and makes no subscription (17)",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        expect(yield* ens.registered(ANN)).toMatchObject({ code: "Success", message: "" })
        expect(yield* world.ews.count("subscribe")).toBe(1)
        expect(yield* world.ews.count("inbox")).toBe(2)
      })
    )
  )

  it.scopedLive(
    "of a further device, or with other settings, keeps the subscription (6)",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN)
        expect(yield* ens.registered(ANN, { token: "tablet" })).toMatchObject({
          code: "UserAlreadySubscribed"
        })
        expect(yield* ens.registered(ANN, { device: { policy: 3 } })).toMatchObject({
          code: "UserAlreadySubscribed"
        })
        expect(yield* world.ews.count("subscribe")).toBe(1)
        const devices = yield* world.storage.devices(user)
        expect(devices.map(({ policy, token }) => [token, policy])).toEqual([
          ["phone", 3],
          ["tablet", 1]
        ])
      })
    )
  )

  it.scopedLive(
    "is told to try again when Exchange does not subscribe, and nothing is stored (14)",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        for (const fault of [faults.busy(7_500), faults.timeout(), faults.unreachable(), faults.unusable()]) {
          yield* world.ews.failNext("subscribe", fault, { times: Number.POSITIVE_INFINITY })
          const registering = ens.register(ANN)
          yield* world.advance(28_000)
          expect(registering.reply).toMatchObject({
            code: "SubscribeAgain",
            retryAfterSeconds: fault._tag === "EwsBusy" ? 8 : 60
          })
          yield* world.ews.heal
        }
        expect(yield* world.storage.devices(user)).toEqual([])
        expect(Option.isNone(yield* world.storage.subscription(user))).toBe(true)
        expect(yield* ens.status(ANN)).toMatchObject({
          code: "UserRecordPresentNotSubscribed",
          state: "None"
        })
      })
    )
  )

  it.scopedLive(
    "that was subscribed but could not be stored says so (15), and its callbacks are adopted",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        world.faults.failNext("saveSubscribed")
        expect(yield* ens.registered(ANN, { force: true })).toMatchObject({
          code: "UserSubscribedNotUpdatedInDb"
        })
        const mail = yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })
        expect(mail.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
      })
    )
  )

  it.scopedLive(
    "is told when storage does not answer before anything is subscribed (8)",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        world.faults.failNext("saveDevice")
        expect(yield* ens.registered(ANN, { token: "tablet" })).toMatchObject({
          code: "ErrorSubscribeOrUpdateDb",
          retryAfterSeconds: 60
        })
        expect(yield* ens.registered(ANN, { token: "tablet" })).toMatchObject({
          code: "UserAlreadySubscribed"
        })
      })
    )
  )

  it.scopedLive(
    "makes a new subscription when forced, with a bearer, or for another EWS URL, and the old one ends",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN)
        const changes = [
          { force: true },
          { authType: "OAuth", credentials: { accessToken: "a-token" } },
          { ewsUrl: OTHER_URL }
        ] as const
        for (const change of changes) {
          const old = yield* world.subscription(ANN)
          expect(yield* ens.registered(ANN, change)).toMatchObject({ code: "UserSubscribed" })
          expect((yield* ens.heartbeat(ANN, { subscription: old })).reply).toBe("Unsubscribe")
          expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        }
        const row = Option.getOrThrow(yield* world.storage.subscription(user))
        expect(row).toMatchObject({ generation: 4, ewsUrl: OTHER_URL })
        expect(yield* world.ews.lastAccount).toMatchObject({ endpoint: { url: OTHER_URL } })
      })
    )
  )

  it.scopedLive(
    "for an EWS URL that the tenant does not allow sends no credential anywhere (35)",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        const calls = yield* world.ews.count()
        expect(yield* ens.registered(ANN, { ewsUrl: "https://evil.example.net/EWS" })).toMatchObject({
          code: "EWSUrlMismatch"
        })
        expect(yield* world.ews.count()).toBe(calls)
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
      })
    )
  )

  it.scopedLive(
    "that waits while another one subscribes is served by that subscription",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* world.ews.hold("subscribe")
        const all = ["one", "two", "three"].map((token) => ens.register(ANN, { token, force: true }))
        yield* world.settled
        expect(all.map(({ replies }) => replies)).toEqual([0, 0, 0])
        yield* world.ews.release("subscribe")
        yield* world.settled
        expect(all.map(({ reply }) => reply)).toMatchObject([
          { code: "UserSubscribed" },
          { code: "UserAlreadySubscribed" },
          { code: "UserAlreadySubscribed" }
        ])
        expect(yield* world.ews.count("subscribe")).toBe(1)
        expect(yield* world.ews.concurrent).toBe(1)
        expect(yield* world.storage.devices(user)).toHaveLength(3)
      })
    )
  )

  it.scopedLive(
    "is refused with 429 after five new subscriptions in 15 minutes, and served again later",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        for (let i = 0; i < 5; i++) {
          expect((yield* ens.registered(ANN, { force: true })).code).toBe("UserSubscribed")
          yield* world.advance(MINUTE, MINUTE)
        }
        expect(yield* ens.registered(ANN, { force: true })).toMatchObject({
          code: "UpdateFail",
          status: 429,
          retryAfterSeconds: 600
        })
        expect((yield* ens.registered(ANN)).code).toBe("Success")
        yield* world.advance(10 * MINUTE, MINUTE)
        expect((yield* ens.registered(ANN, { force: true })).code).toBe("UserSubscribed")
      })
    )
  )

  it.scopedLive(
    "of a twenty-first device removes the one that registered longest ago",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        for (let i = 0; i < 21; i++) {
          yield* ens.registered(ANN, { token: `phone-${i}` })
          yield* world.advance(1)
        }
        const tokens = (yield* world.storage.devices(user)).map(({ token }) => token)
        expect(tokens).toHaveLength(20)
        expect(tokens).not.toContain("phone-0")
        expect(tokens).toContain("phone-20")
      })
    )
  )

  it.scopedLive(
    "is served one after another, also while Exchange is slow, and the queue is bounded",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* world.ews.hold("subscribe")
        const all = Array.from({ length: 20 }, (_, i) => ens.register(ANN, { token: `phone-${i}` }))
        yield* world.settled
        const refused = all.filter(({ replies }) => replies === 1)
        expect(refused.map(({ reply }) => reply)).toMatchObject(
          Array.from({ length: 3 }, () => ({ code: "UpdateFail", status: 429 }))
        )
        yield* world.ews.release("subscribe")
        yield* world.settled
        yield* world.settled
        expect(all.every(({ replies }) => replies === 1)).toBe(true)
      })
    )
  )
})

describe("proof of ownership", () => {
  const EVE = "eve@example.com"

  it.scopedLive(
    "with somebody else's credentials gets nothing of a user, in any order of calls",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* world.ews.setPassword(ANN, "anns-word")
        yield* world.ews.setOwner("eve", EVE)
        const ann = { credentials: { password: "anns-word" } }
        const eve = { token: "eves-phone", credentials: { username: "eve", password: "eves-word" } }
        const tries = [eve, { ...eve, force: true }, { ...eve, device: { policy: 0 } as const }]

        // Before Ann registers, after, and for Ann's own device token.
        for (const attempt of tries) expect((yield* ens.registered(ANN, attempt)).code).toBe("SubscribeAgain")
        expect((yield* ens.registered(ANN, ann)).code).toBe("UserSubscribed")
        const before = yield* world.storage.devices(user)
        const fingerprint = Option.getOrThrow(yield* world.storage.user(user)).fingerprint
        for (const attempt of [...tries, { ...eve, token: "phone", device: { policy: 4 } as const }])
          expect((yield* ens.registered(ANN, attempt)).code).toBe("SubscribeAgain")

        expect(yield* world.storage.devices(user)).toEqual(before)
        expect(Option.getOrThrow(yield* world.storage.user(user)).fingerprint).toEqual(fingerprint)
        expect((yield* ens.mail(ANN, { sender: "Bob", subject: "secret" })).reply).toBe("Ok")
        expect(yield* world.push.received("eves-phone")).toEqual([])
        expect(yield* world.titles("phone")).toEqual(["Bob · secret"])
      })
    )
  )

  it.scopedLive(
    "tells a wrong password and a missing mailbox in the same words",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* world.ews.setPassword(ANN, "anns-word")
        const wrong = yield* ens.registered(ANN)
        yield* world.ews.failNext("subscribe", faults.refused("ErrorNonExistentMailbox"))
        const missing = yield* ens.registered(ANN)
        yield* world.ews.failNext("subscribe", faults.forbidden())
        expect(missing).toEqual(wrong)
        expect(yield* ens.registered(ANN)).toEqual(wrong)
        expect(wrong.message).not.toContain("exchange.test")
      })
    )
  )

  it.scopedLive(
    "costs one failed log-in where the password is wrong",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* world.ews.setPassword(ANN, "a new word")
        const calls = yield* world.ews.count()
        expect((yield* ens.registered(ANN, { token: "tablet" })).code).toBe("SubscribeAgain")
        expect((yield* world.ews.count()) - calls).toBe(1)
        expect((yield* ens.registered(ANN, { token: "tablet", force: true })).code).toBe("SubscribeAgain")
        expect((yield* world.ews.count()) - calls).toBe(2)
      })
    )
  )

  it.scopedLive(
    "that Exchange half grants (Subscribe yes, the Inbox no) ends the subscription at its next callback",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* world.ews.failNext("inbox", faults.unauthorized())
        expect((yield* ens.registered(ANN)).code).toBe("SubscribeAgain")
        expect(yield* world.storage.devices(user)).toEqual([])
        const again = yield* world.start
        expect((yield* ens.registered(ANN)).code).toBe("UserSubscribed")
        const [unproven] = yield* world.ews.subscriptions(ANN)
        if (unproven === undefined) throw new Error("no subscription")
        expect((yield* again.heartbeat(ANN, { subscription: unproven })).reply).toBe("Unsubscribe")
      })
    )
  )

  it.scopedLive(
    "of a mailbox that has moved within Exchange takes a new subscription",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN)
        const row = Option.getOrThrow(yield* world.storage.subscription(user))
        // A mailbox with another Inbox id: what storage knows is not what Exchange says.
        yield* world.storage.saveSubscribed(
          { ...row, subscriptionId: row.subscriptionId ?? fail(), watermark: row.hot.watermark, unread: 0 },
          new Uint8Array(16),
          undefined
        )
        yield* world.advance(2 * MINUTE, MINUTE)
        expect((yield* ens.registered(ANN, { token: "tablet" })).code).toBe("UserSubscribed")
        expect((yield* ens.registered(ANN, { token: "third" })).code).toBe("UserAlreadySubscribed")
      })
    )
  )
})

describe("a device", () => {
  it.scopedLive(
    "unregisters (25), the last one takes the user with it (24), and an unknown one is told so (26, 28)",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* ens.registered(ANN, { token: "tablet" })
        expect((yield* ens.unregister(ANN, "watch")).code).toBe("DeviceNotRegistered")
        expect((yield* ens.unregister(ANN, "tablet")).code).toBe("DeviceUnregistered")
        expect((yield* ens.unregister(ANN, "tablet")).code).toBe("DeviceNotRegistered")
        expect((yield* ens.unregister(ANN, "phone")).code).toBe("DeviceUnregisteredUserUnsubscribed")
        expect(Option.isNone(yield* world.storage.user(user))).toBe(true)
        expect(yield* ens.subscriptions.count).toBe(0)
        expect((yield* ens.unregister(ANN, "phone")).code).toBe("UserSubscriptionNotFound")
        expect((yield* ens.status(ANN)).code).toBe("UserSubscriptionNotFound")
        expect((yield* ens.updateToken(ANN, "phone", "new")).code).toBe("NoRecordExists")
        expect((yield* ens.mail(ANN)).reply).toBe("Unknown")
        expect(yield* world.push.received("phone")).toEqual([])
      })
    )
  )

  it.scopedLive(
    "that unregisters while a mail is being fetched leaves nobody waiting",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* world.ews.hold("mails")
        const mail = yield* ens.mail(ANN)
        const later = yield* ens.mail(ANN)
        expect((yield* ens.unregister(ANN, "phone")).code).toBe("DeviceUnregisteredUserUnsubscribed")
        expect([mail.reply, later.reply, mail.replies, later.replies]).toEqual(["Retry", "Retry", 1, 1])
        yield* world.ews.release("mails")
        yield* world.settled
        expect(yield* world.push.received("phone")).toEqual([])
      })
    )
  )

  it.scopedLive(
    "changes its token (3), and one that is not known is told to register (5)",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        expect((yield* ens.updateToken(ANN, "phone", "phone-2")).code).toBe("UpdateSuccess")
        expect((yield* ens.updateToken(ANN, "phone", "phone-3")).code).toBe("TokenDoesNotExist")
        yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })
        expect(yield* world.titles("phone-2")).toEqual(["Bob · Hi"])
        expect(yield* world.push.received("phone")).toEqual([])
      })
    )
  )

  it.scopedLive(
    "learns its status: live (6), live but unknown (30), not live (29), also while storage is away",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        expect(yield* ens.status(ANN, "phone")).toMatchObject({
          code: "UserRecordPresentNotSubscribed",
          state: "None",
          lastHeartbeat: null
        })
        yield* world.ews.hold("subscribe")
        const registering = ens.register(ANN)
        expect(yield* ens.status(ANN)).toMatchObject({
          code: "UserAlreadySubscribed",
          state: "Subscribing"
        })
        expect((yield* ens.status(ANN, "phone")).code).toBe("SubscribedNeedsUpdate")
        yield* world.ews.release("subscribe")
        yield* world.settled
        expect(registering.reply).toMatchObject({ code: "UserSubscribed" })
        expect(yield* ens.status(ANN, "phone")).toMatchObject({
          code: "UserAlreadySubscribed",
          state: "Unconfirmed"
        })
        yield* ens.heartbeat(ANN)
        expect(yield* ens.status(ANN, "watch")).toMatchObject({
          code: "SubscribedNeedsUpdate",
          state: "Active",
          lastHeartbeat: world.clock.now
        })
        yield* world.advance(2 * MINUTE, MINUTE)
        world.faults.down(true)
        // What was known a while ago is still the best answer.
        expect(yield* ens.status(ANN, "phone")).toMatchObject({ code: "UserAlreadySubscribed" })
        world.faults.down(false)
        yield* world.advance(40 * MINUTE, MINUTE)
        expect(yield* ens.status(ANN, "phone")).toMatchObject({
          code: "UserRecordPresentNotSubscribed",
          state: "Overdue"
        })
      })
    )
  )

  it.scopedLive(
    "that names another EWS URL when it unregisters goes all the same",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN, { ewsUrl: EWS_URL })
        expect((yield* ens.unregister(ANN, "phone", OTHER_URL)).code).toBe(
          "DeviceUnregisteredUserUnsubscribed"
        )
        expect(world.logged("INFO").some((line) => line.includes("another EWS URL"))).toBe(true)
      })
    )
  )
})
