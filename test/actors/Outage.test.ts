import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { inWorld, MINUTE, type World } from "../support/ActorFixture.ts"
import { faults } from "../support/FakeEws.ts"

const ANN = "ann@example.com"

const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.user(ANN)
    yield* ens.registered(ANN)
    return ens
  })

const kinds = (world: World, token = "phone") =>
  Effect.map(world.push.received(token), (all) => all.map(({ kind }) => kind))

const waiting = (world: World) => Effect.map(world.storage.outboxSize, ({ entries }) => entries)

describe("a callback's deadline", () => {
  it.scopedLive(
    "is kept when Exchange is slow: the mail goes out without details",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.hold("mails")
        const mail = yield* ens.mail(ANN)
        yield* world.advance(4_000)
        expect(mail.reply).toBeUndefined()
        yield* world.advance(1_000)
        expect(mail.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["New message"])
        expect(yield* world.ews.interrupted).toBe(1)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
      })
    )
  )

  it.scopedLive(
    "is kept when the gateway is slow: the mail waits in the outbox and is sent later",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.push.hold
        const mail = yield* ens.mail(ANN)
        yield* world.advance(9_000)
        expect(mail.reply).toBeUndefined()
        yield* world.advance(1_000)
        expect(mail.reply).toBe("Ok")
        expect(yield* waiting(world)).toBe(1)
        yield* world.push.release
        yield* world.advance(40_000)
        expect(yield* world.titles("phone")).toEqual(["New message"])
        expect(yield* waiting(world)).toBe(0)
      })
    )
  )

  it.scopedLive(
    "is kept however many notifications wait for a slow gateway",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        for (let i = 0; i < 18; i++) yield* ens.registered(ANN, { token: `phone-${i}` })
        yield* world.push.hold
        const arrivals = yield* Effect.forEach([1, 2, 3], () => world.arrive(ANN))
        const pending = yield* ens.callback(
          ANN,
          arrivals.flatMap((one) => one.events)
        )
        yield* world.advance(10_000)
        expect(pending.reply).toBe("Ok")
        expect(yield* waiting(world)).toBe(3 * 19)
      })
    )
  )

  it.scopedLive(
    "leaves Exchange to repeat the callback when neither gateway nor storage take the mail",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.push.down("iOS")
        world.faults.down(true)
        const mail = yield* ens.mail(ANN)
        expect(mail.reply).toBe("Retry")
        world.faults.down(false)
        expect((yield* ens.callback(ANN, mail.arrived.events)).reply).toBe("Ok")
        expect(yield* waiting(world)).toBe(1)
      })
    )
  )

  it.scopedLive(
    "is met without storage as long as the gateway accepts",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.mail(ANN)
        world.faults.down(true)
        expect((yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })).reply).toBe("Ok")
        expect((yield* world.titles("phone")).at(-1)).toBe("Bob · Hi")
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
      })
    )
  )

  it.scopedLive(
    "tells devices apart: who has a notification gets none from the repeat",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.registered(ANN, { token: "android", device: { platform: "Android" } })
        yield* world.push.down("Android")
        world.faults.failNext("addOutbox")
        const mail = yield* ens.mail(ANN)
        expect(mail.reply).toBe("Retry")
        expect(yield* kinds(world)).toEqual(["newMail"])
        yield* world.push.up("Android")
        expect((yield* ens.callback(ANN, mail.arrived.events)).reply).toBe("Ok")
        expect(yield* kinds(world)).toEqual(["newMail"])
        expect(yield* kinds(world, "android")).toEqual(["newMail"])
      })
    )
  )
})

describe("the outbox", () => {
  it.scopedLive(
    "is emptied when the gateway returns, each mail once",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.push.down("iOS")
        for (let i = 0; i < 4; i++) expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        yield* world.advance(MINUTE)
        expect(yield* waiting(world)).toBe(4)
        yield* world.push.up("iOS")
        yield* world.advance(2_000)
        expect(yield* kinds(world)).toEqual(["newMail", "newMail", "newMail", "newMail"])
        expect(yield* waiting(world)).toBe(0)
        yield* world.advance(5 * MINUTE)
        expect(yield* kinds(world)).toHaveLength(4)
      })
    )
  )

  it.scopedLive(
    "becomes one summary for more than five mails",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.push.down("iOS")
        for (let i = 0; i < 6; i++) expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        yield* world.push.up("iOS")
        yield* world.advance(2_000)
        expect(yield* kinds(world)).toEqual(["summary"])
        expect(yield* world.titles("phone")).toEqual(["6 new messages"])
      })
    )
  )

  it.scopedLive(
    "sends with details if a later callback brings credentials",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.push.down("iOS")
        yield* ens.mail(ANN, { sender: "Bob", subject: "one" })
        yield* ens.mail(ANN, { sender: "Bob", subject: "two" })
        yield* world.push.up("iOS")
        expect((yield* ens.mail(ANN, { sender: "Bob", subject: "three" })).reply).toBe("Ok")
        expect([...(yield* world.titles("phone"))].sort()).toEqual(
          ["Bob · one", "Bob · two", "Bob · three"].sort()
        )
        expect(yield* waiting(world)).toBe(0)
        yield* world.advance(MINUTE)
        expect(yield* kinds(world)).toHaveLength(3)
      })
    )
  )

  it.scopedLive(
    "of one gateway that is down does not delay the other's devices",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.registered(ANN, { token: "android", device: { platform: "Android" } })
        yield* world.push.down("iOS")
        expect((yield* ens.mail(ANN, { sender: "Bob", subject: "Hi" })).reply).toBe("Ok")
        expect(yield* world.titles("android")).toEqual(["Bob · Hi"])
        expect(yield* world.titles("phone")).toEqual([])
        yield* world.push.up("iOS")
        yield* world.advance(2_000)
        expect(yield* world.titles("phone")).toEqual(["New message"])
        expect(yield* kinds(world, "android")).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "keeps every mail of 20 minutes without a gateway, and every callback is answered Ok",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.push.down("iOS")
        const items = new Set<string>()
        for (let i = 0; i < 60; i++) {
          const mail = yield* ens.mail(ANN)
          expect(mail.reply).toBe("Ok")
          items.add(mail.arrived.item)
          yield* world.advance(20_000, 4_000)
        }
        yield* world.push.up("iOS")
        yield* world.advance(MINUTE)
        const [summary, ...rest] = yield* world.push.received("phone")
        expect(rest).toEqual([])
        expect(summary?.payload).toMatchObject({ ens: { count: items.size } })
        expect(yield* waiting(world)).toBe(0)
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        expect(yield* world.ews.count("subscribe")).toBe(1)
      })
    )
  )

  it.scopedLive(
    "survives a kill: what was answered Ok is sent by the next process",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* ready(world)
        yield* world.push.down("iOS")
        const mail = yield* first.mail(ANN)
        expect(mail.reply).toBe("Ok")
        yield* first.kill
        yield* world.push.up("iOS")
        const second = yield* world.start
        yield* world.advance(2_000)
        expect(yield* kinds(world)).toEqual(["newMail"])
        expect((yield* second.callback(ANN, mail.arrived.events)).reply).toBe("Ok")
        expect(yield* kinds(world)).toEqual(["newMail", "badge"])
      })
    )
  )

  it.scopedLive(
    "is emptied with the longest waiting user first",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const addresses = Array.from({ length: 8 }, (_, i) => `user-${i}@example.com`)
        yield* world.push.down("iOS")
        for (const [i, address] of addresses.entries()) {
          yield* world.user(address)
          yield* ens.registered(address, { token: `phone-${i}` })
          yield* ens.mail(address)
          yield* world.advance(10)
        }
        yield* world.push.up("iOS")
        yield* world.advance(2_000)
        const sent = (yield* world.push.attempts).filter(({ verdict }) => verdict._tag === "Delivered")
        expect(sent.map(({ notification }) => notification.target.token)).toEqual(
          addresses.map((_, i) => `phone-${i}`)
        )
      })
    )
  )

  it.scopedLive(
    "is tried by one user at a time while the gateway is down",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.push.setVerdict("iOS", { _tag: "GatewayDown", reason: "test" })
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        const before = (yield* world.push.counters).calls
        yield* world.advance(5 * MINUTE, 1_000)
        expect((yield* world.push.counters).calls - before).toBeLessThanOrEqual(11)
        yield* world.push.setVerdict("iOS", undefined)
        yield* world.advance(31_000)
        expect(yield* kinds(world)).toEqual(["newMail"])
      })
    )
  )
})

describe("credentials that stop working", () => {
  it.scopedLive(
    "cost one failed log-in for 50 mails, which all go out without details, and one request to register",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.heartbeat(ANN)
        yield* world.ews.setPassword(ANN, "a new word")
        const before = yield* world.ews.count()
        for (let i = 0; i < 50; i++) {
          expect((yield* ens.mail(ANN)).reply).toBe("Ok")
          yield* world.advance(20_000, 10_000)
        }
        expect((yield* world.ews.count()) - before).toBe(1)
        const received = yield* world.push.received("phone")
        expect(received.filter(({ kind }) => kind === "newMail")).toHaveLength(50)
        expect(new Set(yield* world.titles("phone"))).toEqual(new Set(["New message", ""]))
        expect(
          received.filter(({ kind }) => kind === "resubscribe").map(({ payload }) => payload)
        ).toMatchObject([{ ens: { action: "resubscribe", reason: "credentials" } }])
        expect(yield* ens.status(ANN, "phone")).toMatchObject({
          code: "UserRecordPresentNotSubscribed",
          state: "CredentialsRejected"
        })

        const reply = yield* ens.registered(ANN, { credentials: { password: "a new word" } })
        expect(reply.code).toBe("UserSubscribed")
        yield* ens.mail(ANN, { sender: "Bob", subject: "again" })
        expect((yield* world.titles("phone")).at(-1)).toBe("Bob · again")
        expect(yield* ens.status(ANN, "phone")).toMatchObject({ state: "Active" })
      })
    )
  )

  it.scopedLive(
    "stay rejected after a restart",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* ready(world)
        yield* world.ews.setPassword(ANN, "a new word")
        yield* first.mail(ANN)
        yield* world.advance(2_000)
        yield* first.kill
        const second = yield* world.start
        const before = yield* world.ews.count()
        expect((yield* second.mail(ANN)).reply).toBe("Ok")
        expect((yield* world.ews.count()) - before).toBe(0)
      })
    )
  )

  it.scopedLive(
    "are not rejected by trouble that is not theirs",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        for (const fault of [faults.forbidden(), faults.busy(), faults.timeout()]) {
          yield* world.ews.failNext("mails", fault)
          yield* ens.mail(ANN)
        }
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
      })
    )
  )

  it.scopedLive(
    "by a token's expiry are announced ten minutes before, and no call is made after it",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        const tokenExpiresAt = world.clock.now + 60 * MINUTE
        const bearer = {
          authType: "OAuth",
          credentials: { accessToken: "a-token" },
          tokenExpiresAt
        } as const
        yield* ens.registered(ANN, bearer)
        for (let i = 0; i < 49; i++) {
          if (i % 15 === 0) yield* ens.heartbeat(ANN)
          yield* world.advance(MINUTE, MINUTE)
        }
        expect(yield* kinds(world)).toEqual([])
        yield* world.advance(2 * MINUTE, MINUTE)
        expect(yield* kinds(world)).toEqual(["resubscribe"])
        yield* ens.mail(ANN, { sender: "Bob", subject: "in time" })
        yield* world.advance(tokenExpiresAt - world.clock.now, MINUTE)
        const before = yield* world.ews.count()
        // The timer may be a moment late; the rule is not.
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        yield* world.advance(2_000)
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        expect(yield* world.ews.count()).toBe(before)
        expect((yield* world.titles("phone")).filter((text) => text !== "")).toEqual([
          "Bob · in time",
          "New message",
          "New message"
        ])
        expect(yield* ens.status(ANN)).toMatchObject({ state: "CredentialsExpired" })
        expect(yield* kinds(world)).toEqual(["resubscribe", "newMail", "newMail", "resubscribe", "newMail"])
        const reply = yield* ens.registered(ANN, { ...bearer, tokenExpiresAt: world.clock.now + 60 * MINUTE })
        expect(reply.code).toBe("UserSubscribed")
        yield* ens.mail(ANN, { sender: "Bob", subject: "again" })
        expect((yield* world.titles("phone")).at(-1)).toBe("Bob · again")
      })
    )
  )
})
