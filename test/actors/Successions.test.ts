import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { emptyRound, merge } from "../../actors/Round.ts"
import { Generation } from "../../schemas/Ids.ts"
import { Verdict } from "../../schemas/Push.ts"
import { DAY, inWorld, MINUTE } from "../support/ActorFixture.ts"
import { faults } from "../support/FakeEws.ts"

const ANN = "ann@example.com"

describe("a subscription that was replaced", () => {
  it.scopedLive(
    "still announces the mail that only it knows of, and is ended then",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        const replaced = yield* world.subscription(ANN)
        const arrived = yield* world.arrive(ANN, { sender: "Bob", subject: "just before" })
        yield* ens.registered(ANN, { force: true })
        const old = yield* ens.callback(ANN, arrived.events, { subscription: replaced })
        yield* world.settled
        expect(old.reply).toBe("Unsubscribe")
        expect(yield* world.titles("phone")).toEqual(["Bob · just before"])
        const repeated = yield* ens.callback(ANN, arrived.events, { subscription: replaced })
        yield* world.settled
        expect(repeated.reply).toBe("Unsubscribe")
        expect(yield* world.titles("phone")).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "is not ended while its mail is in nobody's hands",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        const replaced = yield* world.subscription(ANN)
        const arrived = yield* world.arrive(ANN, { sender: "Bob", subject: "just before" })
        yield* ens.registered(ANN, { force: true })
        yield* ens.heartbeat(ANN)
        yield* world.push.down("iOS")
        world.faults.failNext("addOutbox")
        const old = yield* ens.callback(ANN, arrived.events, { subscription: replaced })
        yield* world.settled
        expect(old.reply).toBe("Retry")
      })
    )
  )
})

describe("a first subscription whose proof failed", () => {
  it.scopedLive(
    "is ended, also after a restart",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* world.ews.failNext("inbox", faults.forbidden())
        expect(yield* ens.registered(ANN)).toMatchObject({ code: "SubscribeAgain" })
        yield* world.settled
        yield* ens.kill
        const restarted = yield* world.start
        expect((yield* restarted.mail(ANN)).reply).toBe("Unsubscribe")
      })
    )
  )
})

describe("a subscription that Exchange reports broken", () => {
  it.scopedLive(
    "while a device is being served is renewed right after",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* ens.heartbeat(ANN)
        yield* world.ews.hold("inbox")
        const second = ens.register(ANN, { token: "tablet" })
        yield* world.settled
        const reply = yield* ens.callback(ANN, [], { errorCode: "ErrorReadEventsFailed" })
        expect(reply.reply).toBe("Unsubscribe")
        yield* world.ews.release("inbox")
        yield* world.settled
        yield* world.settled
        expect(second.reply).toMatchObject({ code: "UserAlreadySubscribed" })
        expect(yield* world.ews.count("subscribe")).toBe(2)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Unconfirmed" })
      })
    )
  )

  it.scopedLive(
    "and whose credentials are refused at the renewal asks for new ones",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* ens.heartbeat(ANN)
        yield* world.ews.setPassword(ANN, "another")
        yield* ens.callback(ANN, [], { errorCode: "ErrorReadEventsFailed" })
        yield* world.settled
        expect(yield* ens.status(ANN)).toMatchObject({ state: "CredentialsRejected" })
        yield* world.advance(MINUTE)
        const [nudge] = yield* world.push.received("phone")
        expect(nudge?.payload).toMatchObject({ ens: { reason: "credentials" } })
      })
    )
  )
})

describe("credentials that do not work any more", () => {
  it.scopedLive(
    "make the user lost after 15 days without a callback, and not while Exchange calls",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* world.ews.setPassword(ANN, "another")
        yield* ens.mail(ANN)
        for (let day = 0; day < 20; day++) {
          yield* ens.heartbeat(ANN)
          yield* world.advance(DAY, 6 * 60 * MINUTE)
        }
        expect(yield* ens.status(ANN)).toMatchObject({ state: "CredentialsRejected" })
        yield* world.advance(15 * DAY, 6 * 60 * MINUTE)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Lost" })
      })
    )
  )
})

describe("the request for a new token", () => {
  it.scopedLive(
    "that no gateway took is sent when one does",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN, {
          authType: "OAuth",
          credentials: { accessToken: "t" },
          tokenExpiresAt: world.clock.now + 20 * MINUTE
        })
        yield* world.push.down("iOS")
        yield* world.advance(11 * MINUTE, MINUTE)
        expect(yield* world.push.shown("phone")).toEqual([])
        yield* world.push.up("iOS")
        yield* world.advance(MINUTE, 1_000)
        const [nudge] = yield* world.push.shown("phone")
        expect(nudge?.payload).toMatchObject({ ens: { action: "resubscribe", reason: "credentials" } })
      })
    )
  )
})

describe("a user whose last device's token is dead", () => {
  it.scopedLive(
    "is gone, after Exchange has its answer, and nobody knows the callbacks that still come",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const user = yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* world.push.setVerdict({ token: "phone" }, Verdict.TokenDead({ since: undefined }))
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        yield* world.settled
        expect(Option.isNone(yield* world.storage.user(user))).toBe(true)
        expect(yield* ens.subscriptions.count).toBe(0)
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Unknown")
      })
    )
  )
})

describe("a mail that the replaced and the live subscription report at the same time", () => {
  it.scopedLive(
    "has none of them wait for a repeat, however many were replaced",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        const replaced = []
        for (let n = 0; n < 4; n++) {
          yield* ens.registered(ANN, { force: n > 0 })
          replaced.push(yield* world.subscription(ANN))
        }
        yield* ens.heartbeat(ANN)
        replaced.pop()
        const arrived = yield* world.arrive(ANN, { sender: "Bob", subject: "now" })
        yield* world.ews.hold("mails")
        const first = yield* ens.callback(ANN, arrived.events, { subscription: replaced[0]! })
        yield* world.settled
        const second = yield* ens.callback(ANN, arrived.events, { subscription: replaced[1]! })
        const live = yield* ens.callback(ANN, arrived.events)
        const third = yield* ens.callback(ANN, arrived.events, { subscription: replaced[2]! })
        yield* world.settled
        yield* world.ews.release("mails")
        yield* world.settled
        yield* world.settled
        expect([first, second, third, live].map(({ reply }) => reply)).toEqual([
          "Unsubscribe",
          "Unsubscribe",
          "Unsubscribe",
          "Ok"
        ])
        expect(yield* world.titles("phone")).toEqual(["Bob · now"])
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
      })
    )
  )

  it("is asked for with the later log-in, for the other may be refused by now", () => {
    const round = (generation: number, f = Redacted.make(`f${generation}`)) =>
      emptyRound({ activityId: "a", f, generation: Generation.make(generation) }, 0, 0)
    for (const merged of [merge(round(1), round(2)), merge(round(2), round(1))]) {
      expect(merged.generation).toBe(2)
      expect(merged.f && Redacted.value(merged.f)).toBe("f2")
    }
  })

  it.scopedLive(
    "is announced once, and only the replaced one is ended",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        const replaced = yield* world.subscription(ANN)
        yield* ens.registered(ANN, { force: true })
        yield* ens.heartbeat(ANN)
        const arrived = yield* world.arrive(ANN, { sender: "Bob", subject: "now" })
        yield* world.push.hold
        const old = yield* ens.callback(ANN, arrived.events, { subscription: replaced })
        yield* world.settled
        const live = yield* ens.callback(ANN, arrived.events)
        yield* world.push.release
        yield* world.settled
        yield* world.settled
        expect([old.reply, live.reply]).toEqual(["Unsubscribe", "Ok"])
        expect(yield* world.titles("phone")).toEqual(["Bob · now"])
      })
    )
  )
})
