import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import type { EwsEvent } from "../../schemas/EwsMessage.ts"
import type { ActivityId, ItemId, SubscriptionId, UserNumber } from "../../schemas/Ids.ts"
import type { Callback } from "../../schemas/SubscriptionMessage.ts"
import { events, inWorld, MINUTE, type Process, type World } from "../support/ActorFixture.ts"
import { faults, inboxIdOf } from "../support/FakeEws.ts"

const ANN = "ann@example.com"
const INBOX = inboxIdOf(ANN)
const SECOND = 1_000

/** A user with an iPhone, and somebody who has got hold of the callback URL and may send any body with it. */
const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    const user = yield* world.user(ANN)
    yield* ens.registered(ANN)
    yield* ens.heartbeat(ANN)
    return { ens, user, attack: yield* attacker(world, ens, user) }
  })

const attacker = (world: World, ens: Process, user: UserNumber) =>
  Effect.map(world.subscription(ANN), ({ callbackUrl, subscriptionId }) => {
    const f = new URL(callbackUrl).searchParams.get("f") ?? ""
    return (list: ReadonlyArray<EwsEvent>, more: Partial<Callback> = {}) =>
      ens.post(user, {
        _tag: "Callback",
        activityId: "00000000-0000-4000-8000-000000000000" as ActivityId,
        generation: 1 as Callback["generation"],
        subscriptionId: subscriptionId as SubscriptionId,
        previousWatermark: undefined,
        events: list,
        errorCode: undefined,
        f: Redacted.make(f),
        hurried: false,
        ...more
      })
  })

const forged = (world: World, count: number, from = 0) =>
  Array.from({ length: count }, (_, i) =>
    events.newMail(ANN, `forged ${from + i}` as ItemId, world.clock.now)
  )

/** From somebody who knows the URL alone: what the Inbox's id is, it does not tell. */
const invented = (world: World, count: number, from = 0) =>
  Array.from({ length: count }, (_, i) =>
    events.newMail("stranger@example.com", `invented ${from + i}` as ItemId, world.clock.now)
  )

const callsNow = (world: World) => Effect.map(world.ews.calls, (calls) => calls.length)
const shown = (world: World) =>
  Effect.map(world.push.received("phone"), (all) => all.filter(({ kind }) => kind !== "badge").length)
const badge = (world: World) =>
  Effect.map(
    world.push.received("phone"),
    (all) => (all.at(-1)?.payload.aps as { badge?: number } | undefined)?.badge ?? 0
  )

describe("whoever has got hold of a callback URL", () => {
  it.scopedLive(
    "causes at most 30 calls to Exchange a minute, one after another, whatever is sent",
    inWorld((world) =>
      Effect.gen(function* () {
        const { attack } = yield* ready(world)
        yield* world.advance(5 * MINUTE)
        const before = yield* callsNow(world)
        let n = 0
        for (let second = 0; second < 60; second++) {
          attack(forged(world, 1, ++n * 1000))
          attack([...forged(world, 60, ++n * 1000), events.folder(INBOX, n * 100)])
          attack(forged(world, 200, ++n * 1000), { previousWatermark: "forged" as never })
          attack([events.folder("another folder" as ItemId, 3)])
          yield* world.advance(SECOND, 250)
        }
        expect((yield* callsNow(world)) - before).toBeGreaterThan(5)
        expect((yield* callsNow(world)) - before).toBeLessThanOrEqual(30)
        // Mails that cannot be asked about in time go out as a summary, one in half a callback deadline.
        expect(yield* shown(world)).toBeLessThanOrEqual(12)
      })
    )
  )

  it.scopedLive(
    "does not keep mails from being told of, with details, while all that is used up",
    inWorld((world) =>
      Effect.gen(function* () {
        const { attack, ens } = yield* ready(world)
        const replies = []
        for (let second = 0; second < 40; second++) {
          attack(forged(world, 1, second))
          if (second % 10 === 9)
            replies.push(yield* ens.mail(ANN, { sender: "Bob", subject: `mail ${second}` }))
          yield* world.advance(SECOND, 250)
        }
        yield* world.advance(10 * SECOND)
        expect(replies.map(({ reply }) => reply)).toEqual(["Ok", "Ok", "Ok", "Ok"])
        expect(yield* world.titles("phone")).toEqual([9, 19, 29, 39].map((i) => `Bob · mail ${i}`))
      })
    )
  )

  it.scopedLive(
    "does not keep mails out by naming hundreds of items at once",
    inWorld((world) =>
      Effect.gen(function* () {
        const { attack, ens } = yield* ready(world)
        yield* ens.mail(ANN, { sender: "Bob", subject: "the Inbox is known by it" })
        const replies = []
        for (let second = 0; second < 40; second++) {
          attack(invented(world, 220, second * 1000))
          yield* world.advance(SECOND / 2, 250)
          attack(invented(world, 220, second * 1000 + 500))
          if (second % 10 === 9)
            replies.push(yield* ens.mail(ANN, { sender: "Bob", subject: `mail ${second}` }))
          yield* world.advance(SECOND / 2, 250)
        }
        yield* world.advance(10 * SECOND)
        expect(replies.map(({ reply }) => reply)).toEqual(["Ok", "Ok", "Ok", "Ok"])
        expect((yield* world.titles("phone")).slice(1)).toEqual([9, 19, 29, 39].map((i) => `Bob · mail ${i}`))
      })
    )
  )

  it.scopedLive(
    "notifies nobody of what is not there, and of little where Exchange cannot be asked",
    inWorld((world) =>
      Effect.gen(function* () {
        const { attack } = yield* ready(world)
        attack([
          events.newMail(ANN, "" as ItemId, world.clock.now),
          ...forged(world, 100),
          events.created(ANN, "forged, too" as ItemId, world.clock.now)
        ])
        yield* world.advance(10 * SECOND)
        expect(yield* shown(world)).toBe(0)
        for (let i = 0; i < 600; i++) {
          attack(forged(world, 5, i * 10), { hurried: true })
          yield* world.advance(100)
        }
        expect(yield* shown(world)).toBeGreaterThan(0)
        expect(yield* shown(world)).toBeLessThanOrEqual(150)
      })
    )
  )

  it.scopedLive(
    "has nothing told of that Exchange did not confirm, also where it cannot be asked",
    inWorld((world) =>
      Effect.gen(function* () {
        const { attack } = yield* ready(world)
        yield* world.ews.failNext("mails", faults.unreachable(), { times: Number.POSITIVE_INFINITY })
        yield* world.ews.failNext("inbox", faults.unreachable(), { times: Number.POSITIVE_INFINITY })
        const replies = []
        for (let second = 0; second < 60; second++) {
          const list = invented(world, 7, second * 100)
          replies.push(attack([...list.slice(0, 1), { ...list[1]!, parentFolderId: undefined }]))
          attack(list.slice(2), { hurried: true })
          yield* world.advance(SECOND, 250)
        }
        yield* world.advance(10 * SECOND)
        expect(yield* world.push.received("phone")).toEqual([])
        expect(replies.filter(({ reply }) => reply === "Ok").length).toBeGreaterThan(0)
      })
    )
  )

  it.scopedLive(
    "keeps no mail without details from being told of at once while Exchange cannot be asked",
    inWorld((world) =>
      Effect.gen(function* () {
        const { attack, ens } = yield* ready(world)
        yield* world.ews.failNext("mails", faults.unreachable(), { times: Number.POSITIVE_INFINITY })
        attack([...invented(world, 1), ...forged(world, 1)])
        const mail = yield* ens.mail(ANN, { sender: "Bob", subject: "Lunch" })
        yield* world.advance(10 * SECOND)
        expect(mail.reply).toBe("Ok")
        const told = yield* world.push.received("phone")
        // Whoever knows the Inbox's id, too, has read more than the URL.
        expect(told.map(({ payload }) => (payload as { ens: { messageId?: string } }).ens.messageId)).toEqual(
          ["forged 0", mail.arrived.item]
        )
      })
    )
  )

  it.scopedLive(
    "has the next callback look for mails in a folder that is not known to be the Inbox",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens } = yield* ready(world)
        // The mailbox was moved, and nobody has read the Inbox since.
        yield* world.ews.setInbox(ANN, inboxIdOf("moved"))
        yield* world.ews.failNext("mails", faults.unreachable(), { times: Number.POSITIVE_INFINITY })
        const mail = yield* world.arrive(ANN, { sender: "Bob", subject: "Lunch" })
        const list = mail.events.map((one) =>
          one.parentFolderId === undefined ? one : { ...one, parentFolderId: inboxIdOf("moved") }
        )
        const first = yield* ens.callback(ANN, list)
        yield* world.advance(10 * SECOND)
        expect(first.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual([])
        yield* world.ews.heal
        yield* world.advance(15 * MINUTE, MINUTE)
        yield* ens.heartbeat(ANN)
        yield* world.advance(10 * SECOND)
        expect(yield* world.titles("phone")).toEqual(["Bob · Lunch"])
        // Now it is known.
        const next = yield* world.arrive(ANN, { sender: "Bob", subject: "Dinner" })
        const moved = next.events.map((one) =>
          one.parentFolderId === undefined ? one : { ...one, parentFolderId: inboxIdOf("moved") }
        )
        expect((yield* ens.callback(ANN, moved)).reply).toBe("Ok")
        yield* world.ews.failNext("mails", faults.unreachable(), { times: Number.POSITIVE_INFINITY })
        const blind = events.newMail("moved", "another" as ItemId, world.clock.now)
        const last = yield* ens.callback(ANN, [blind])
        yield* world.advance(10 * SECOND)
        expect(last.reply).toBe("Ok")
        expect((yield* world.titles("phone")).length).toBe(3)
      })
    )
  )

  it.scopedLive(
    "leaves no wrong number on the phone for long, also where nothing happens any more",
    inWorld((world) =>
      Effect.gen(function* () {
        const { attack, ens } = yield* ready(world)
        yield* ens.mail(ANN)
        yield* world.advance(10 * SECOND)
        const real = yield* world.ews.unread(ANN)
        for (const count of [999_999, 9_999_999_999, Number.NaN]) {
          attack([events.folder(INBOX, count)])
          yield* world.advance(10 * SECOND)
          expect(yield* badge(world)).toBe(real)
        }
        attack([events.folder(INBOX, 40)])
        yield* world.advance(10 * SECOND)
        expect(yield* badge(world)).toBe(40)
        for (let i = 0; i < 4; i++) {
          yield* world.advance(14 * MINUTE, MINUTE)
          yield* ens.heartbeat(ANN)
          yield* world.advance(SECOND)
        }
        expect(yield* badge(world)).toBe(real)
      })
    )
  )

  it.scopedLive(
    "does not raise the number without end where Exchange does not answer",
    inWorld((world) =>
      Effect.gen(function* () {
        const { attack, ens } = yield* ready(world)
        yield* ens.mail(ANN)
        yield* world.advance(10 * SECOND)
        yield* world.ews.failNext("inbox", faults.unreachable(), { times: 10 })
        attack([events.folder(INBOX, 999_999)])
        yield* world.advance(10 * SECOND)
        expect(yield* badge(world)).toBeLessThanOrEqual(51)
      })
    )
  )

  it.scopedLive(
    "does not have a mail told of twice by naming many that are not there",
    inWorld((world) =>
      Effect.gen(function* () {
        const { attack, ens } = yield* ready(world)
        const mail = yield* ens.mail(ANN)
        for (let i = 0; i < 5; i++) {
          attack(forged(world, 50, i * 100))
          yield* world.advance(10 * SECOND)
        }
        expect((yield* ens.callback(ANN, mail.arrived.events)).reply).toBe("Ok")
        yield* world.advance(10 * SECOND)
        expect(yield* shown(world)).toBe(1)
      })
    )
  )

  it.scopedLive(
    "ends no subscription that Exchange has not named yet",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* ready(world)
        // Exchange has the subscription, and nobody else knows of it.
        yield* world.ews.hold("inbox")
        ens.register(ANN, { force: true })
        yield* world.settled
        yield* ens.kill
        yield* world.ews.release("inbox")
        const restored = yield* world.start
        const attack = yield* attacker(world, restored, user)
        const first = attack([events.status()], {
          generation: 2 as Callback["generation"],
          subscriptionId: "forged" as SubscriptionId
        })
        yield* world.advance(SECOND)
        expect(first.reply).toBe("Ok")
        const mail = yield* restored.mail(ANN, { sender: "Bob", subject: "Lunch" })
        expect(mail.reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · Lunch"])
      })
    )
  )

  it.scopedLive(
    "fills neither the log nor storage's time with callbacks of other subscriptions",
    inWorld((world) =>
      Effect.gen(function* () {
        const { attack, ens } = yield* ready(world)
        const lines = world.logged("INFO").length
        for (let i = 0; i < 500; i++)
          attack([events.status()], { subscriptionId: "forged" as SubscriptionId })
        yield* world.settled
        expect(world.logged("INFO").length - lines).toBeLessThanOrEqual(60)
        yield* world.advance(MINUTE)
        yield* ens.registered(ANN, { force: true })
        const old = Array.from({ length: 500 }, () => attack(forged(world, 1)))
        yield* world.advance(SECOND)
        const told = old.filter(({ reply }) => reply === "Unsubscribe").length
        expect(told).toBeGreaterThan(0)
        expect(told).toBeLessThanOrEqual(60)
        yield* world.advance(MINUTE)
        const last = attack(forged(world, 1))
        yield* world.advance(SECOND)
        expect(last.reply).toBe("Unsubscribe")
      })
    )
  )
})
