import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Option, Redacted } from "effect"
import type { EwsEvent } from "../../schemas/EwsMessage.ts"
import type { ActivityId, Generation } from "../../schemas/Ids.ts"
import { GetStatus } from "../../schemas/SubscriptionMessage.ts"
import { HOUR, inWorld, LETHAL_URL, MINUTE, type World } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"

const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.user(ANN)
    yield* ens.registered(ANN)
    yield* ens.heartbeat(ANN)
    return ens
  })

const kinds = (world: World, token = "phone") =>
  Effect.map(world.push.received(token), (all) => all.map(({ kind }) => kind))

describe("a mail whose handling dies", () => {
  it.scopedLive(
    "is tried without details the second time, and the devices have it",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const poison = yield* world.arrive(ANN, { sender: "Bob", subject: "poison" })
        world.lethal.details.add(poison.item)
        expect((yield* ens.callback(ANN, poison.events)).reply).toMatchObject({ reason: "crashed" })
        yield* world.advance(1_000)
        expect((yield* ens.callback(ANN, poison.events)).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["New message"])
        const user = yield* world.user(ANN)
        expect(yield* world.storage.deadLetters(user)).toEqual([])
      })
    )
  )

  it.scopedLive(
    "is acknowledged the third time, with one dead letter and one error, and the subscription lives",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const user = yield* world.user(ANN)
        const poison = yield* world.arrive(ANN, { sender: "Bob", subject: "poison" })
        world.lethal.tokens.add("phone")
        for (let i = 0; i < 2; i++) {
          expect((yield* ens.callback(ANN, poison.events)).reply).toMatchObject({ reason: "crashed" })
          // Exchange repeats minutes apart.
          yield* world.advance(MINUTE * (i + 1), 5_000)
        }
        expect((yield* ens.callback(ANN, poison.events)).reply).toBe("Ok")
        yield* world.settled
        const letters = yield* world.storage.deadLetters(user)
        expect(letters).toHaveLength(1)
        expect(world.logged("ERROR").filter((line) => line.includes("acknowledged"))).toHaveLength(1)
        world.lethal.tokens.clear()
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        expect((yield* ens.mail(ANN, { sender: "Eve", subject: "fine" })).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Eve · fine"])
        expect(yield* world.ews.count("subscribe")).toBe(1)
      })
    )
  )

  it.scopedLive(
    "costs no other mail, also when they came at the same time again and again",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.registered(ANN, { token: "other" })
        const blocker = yield* world.arrive(ANN, { subject: "blocker" })
        const poison = yield* world.arrive(ANN, { subject: "poison" })
        const innocent = yield* world.arrive(ANN, { subject: "innocent" })
        world.lethal.details.add(poison.item)
        // Both wait together behind a third one, and die together.
        yield* world.ews.hold("mails")
        const first = [blocker, poison, innocent].map((mail) => ens.callback(ANN, mail.events))
        const pending = yield* Effect.all(first)
        yield* world.ews.release("mails")
        yield* world.settled
        expect(pending.map(({ replies }) => replies)).toEqual([1, 1, 1])
        for (let round = 0; round < 4; round++) {
          yield* world.advance(30_000, 5_000)
          const again = yield* Effect.all([poison, innocent].map((mail) => ens.callback(ANN, mail.events)))
          yield* world.settled
          expect(again.every(({ replies }) => replies === 1)).toBe(true)
        }
        const messages = (yield* world.push.received("phone"))
          .filter(({ kind }) => kind === "newMail")
          .map(({ payload }) => (payload.ens as { messageId?: string }).messageId)
        expect([...messages].sort()).toEqual([blocker.item, poison.item, innocent.item].sort())
      })
    )
  )

  it.scopedLive(
    "is not acknowledged together with one that always came with it",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const poison = yield* world.arrive(ANN, { subject: "poison" })
        const innocent = yield* world.arrive(ANN, { subject: "innocent" })
        world.lethal.items.add(poison.item)
        for (let round = 0; round < 5; round++) {
          // Both wait behind another one, so that they would be taken up together.
          const blocker = yield* world.arrive(ANN)
          yield* world.ews.hold("mails")
          const pending = yield* Effect.all(
            [blocker, poison, innocent].map((mail) => ens.callback(ANN, mail.events))
          )
          yield* world.ews.release("mails")
          yield* world.advance(30_000, 5_000)
          expect(pending.map(({ replies }) => replies)).toEqual([1, 1, 1])
        }
        const shown = (yield* world.push.shown("phone")).map(
          ({ payload }) => (payload.ens as { messageId?: string }).messageId
        )
        expect(shown.filter((item) => item === innocent.item)).toHaveLength(1)
        expect(shown).not.toContain(poison.item)
        expect(yield* world.storage.deadLetters(yield* world.user(ANN))).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "has its chance again once it was given up: what Exchange sends later may be handled by then",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const mail = yield* world.arrive(ANN, { sender: "Bob", subject: "Hi" })
        world.lethal.items.add(mail.item)
        for (let i = 0; i < 3; i++) {
          yield* ens.callback(ANN, mail.events)
          yield* world.advance(MINUTE, 5_000)
        }
        world.lethal.items.clear()
        expect((yield* ens.callback(ANN, mail.events)).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · Hi"])
      })
    )
  )

  it.scopedLive(
    "is not blamed for a registration that died beside it",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const user = yield* world.user(ANN)
        const mail = yield* world.arrive(ANN, { sender: "Bob", subject: "innocent" })
        for (let i = 0; i < 3; i++) {
          yield* world.ews.hold("mails")
          const pending = yield* ens.callback(ANN, mail.events)
          const failing = ens.register(ANN, { ewsUrl: LETHAL_URL })
          yield* world.settled
          expect([pending.replies, failing.replies]).toEqual([1, 1])
          yield* world.ews.release("mails")
          yield* world.advance(30_000, 5_000)
        }
        expect((yield* ens.callback(ANN, mail.events)).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · innocent"])
        expect(yield* world.storage.deadLetters(user)).toEqual([])
      })
    )
  )

  it.scopedLive(
    "leaves nothing of its text in the log",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        world.lethal.tokens.add("phone")
        yield* ens.mail(ANN, { sender: "Bob", subject: "a secret subject" })
        yield* world.advance(1_000)
        const log = world.lines.map(({ text }) => text).join("\n")
        expect(log).toContain("an actor crashed")
        for (const secret of [ANN, "secret", "Bob", "s3cret-word"]) expect(log).not.toContain(secret)
      })
    )
  )
})

describe("an actor that crashes", () => {
  it.scopedLive(
    "tells everyone who waits, starts again, and keeps its ledger",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const before = yield* ens.mail(ANN)
        const poison = yield* world.arrive(ANN)
        world.lethal.tokens.add("phone")
        yield* world.ews.hold("subscribe")
        const registering = ens.register(ANN, { force: true })
        yield* world.settled
        const [live] = yield* world.ews.subscriptions(ANN)
        if (live === undefined) throw new Error("no subscription")
        const crashed = yield* ens.callback(ANN, poison.events, { hurried: true, subscription: live })
        const later = yield* ens.callback(ANN, before.arrived.events, { subscription: live })
        expect(crashed.reply).toMatchObject({ _tag: "Unavailable" })
        expect(registering.reply).toMatchObject({ _tag: "Unavailable" })
        yield* world.advance(4_000)
        expect(later.reply).toBe("Ok")
        expect([crashed.replies, registering.replies, later.replies]).toEqual([1, 1, 1])
        expect(yield* kinds(world)).toEqual(["newMail"])
        // The Subscribe that was under way goes on: its subscription is taken over.
        yield* world.ews.release("subscribe")
        yield* world.settled
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        expect((yield* ens.heartbeat(ANN, { subscription: live })).reply).toBe("Unsubscribe")
      })
    )
  )

  it.scopedLive(
    "starts again from what it knew when storage is down",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const before = yield* ens.mail(ANN)
        const poison = yield* world.arrive(ANN)
        world.lethal.details.add(poison.item)
        world.faults.down(true)
        yield* ens.callback(ANN, poison.events)
        yield* world.advance(2_000)
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        const again = yield* ens.callback(ANN, before.arrived.events)
        yield* world.advance(4_000)
        expect(again.reply).toBe("Ok")
        world.faults.down(false)
        expect(yield* kinds(world)).toEqual(["newMail"])
      })
    )
  )

  it.scopedLive(
    "again and again is parked, says so, and comes back by itself",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        for (let i = 0; i < 6; i++) {
          const mail = yield* world.arrive(ANN)
          world.lethal.details.add(mail.item)
          yield* ens.callback(ANN, mail.events)
          yield* world.advance(5_000)
        }
        expect((yield* ens.heartbeat(ANN)).reply).toMatchObject({ reason: "parked" })
        expect(yield* ens.status(ANN)).toMatchObject({
          code: "UserRecordPresentNotSubscribed",
          state: "Parked"
        })
        yield* world.advance(16 * MINUTE, MINUTE)
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
      })
    )
  )

  it.scopedLive(
    "and is parked gets another chance when a device registers",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        for (let i = 0; i < 6; i++) {
          const mail = yield* world.arrive(ANN)
          world.lethal.details.add(mail.item)
          yield* ens.callback(ANN, mail.events)
          yield* world.advance(5_000)
        }
        expect((yield* ens.registered(ANN)).code).toBe("Success")
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
      })
    )
  )
})

describe("a process that stops", () => {
  it.scopedLive(
    "finishes what is in hand and writes what it knows",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* ready(world)
        yield* world.push.hold
        const mail = yield* first.mail(ANN)
        const stopping = yield* Effect.fork(first.stop)
        yield* world.settled
        expect((yield* first.heartbeat(ANN)).reply).toMatchObject({ reason: "draining" })
        yield* world.push.release
        yield* Fiber.join(stopping)
        expect([mail.reply, mail.replies]).toEqual(["Ok", 1])
        const second = yield* world.start
        expect((yield* second.callback(ANN, mail.arrived.events)).reply).toBe("Ok")
        expect(yield* kinds(world)).toEqual(["newMail"])
      })
    )
  )

  it.scopedLive(
    "does not wait for ever: who is still served after ten seconds is told to try again",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.hold("subscribe")
        const registering = ens.register(ANN, { force: true })
        yield* world.settled
        const stopping = yield* Effect.fork(ens.stop)
        yield* world.advance(11_000)
        yield* Fiber.join(stopping)
        expect(registering.reply).toMatchObject({ reason: "draining" })
        expect(registering.replies).toBe(1)
      })
    )
  )

  it.scopedLive(
    "by a kill loses no mail: what was not answered is repeated, what is repeated has the same id",
    inWorld((world) =>
      Effect.gen(function* () {
        const steps = [
          { name: "before the fetch", hold: world.ews.hold("mails"), let: world.ews.release("mails") },
          { name: "before the push", hold: world.push.hold, let: world.push.release },
          { name: "after the push", hold: Effect.void, let: Effect.void }
        ]
        let ens = yield* ready(world)
        yield* ens.registered(ANN, { token: "tablet" })
        for (const step of steps) {
          yield* world.push.clear
          yield* step.hold
          const mail = yield* ens.mail(ANN)
          yield* ens.kill
          yield* step.let
          yield* world.settled
          ens = yield* world.start
          expect((yield* ens.callback(ANN, mail.arrived.events)).reply).toBe("Ok")
          for (const token of ["phone", "tablet"]) {
            expect((yield* world.push.shown(token)).map(({ kind }) => kind)).toEqual(["newMail"])
          }
        }
      })
    )
  )

  it.scopedLive(
    "by a kill loses at most the last second of what it knew",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* ready(world)
        const mail = yield* first.mail(ANN)
        const heardAt = world.clock.now
        yield* world.advance(2_000)
        const row = Option.getOrThrow(yield* world.storage.subscription(yield* world.user(ANN)))
        expect([row.link, row.linkSince, row.hot.lastHeard, row.hot.badge]).toEqual([
          "Active",
          heardAt,
          heardAt,
          1
        ])
        yield* first.kill
        const second = yield* world.start
        expect((yield* second.callback(ANN, mail.arrived.events)).reply).toBe("Ok")
        expect(yield* kinds(world)).toEqual(["newMail"])
      })
    )
  )
})

describe("a defect that is nobody's in particular", () => {
  it.scopedLive(
    "does not end the silent pushes of others, nor the outbox",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const other = "bob@example.com"
        yield* world.user(other)
        yield* ens.registered(other, { token: "bobs-phone" })
        yield* ens.heartbeat(other)
        world.lethal.tokens.add("phone")
        yield* world.advance(HOUR + 5 * MINUTE, 30_000)
        expect(yield* kinds(world, "bobs-phone")).toContain("resubscribe")
        expect(yield* kinds(world)).toEqual([])
        world.lethal.tokens.clear()
        yield* world.advance(2 * HOUR, 30_000)
        expect(yield* kinds(world)).toContain("resubscribe")
      })
    )
  )
})

describe("an actor that crashes over a callback while another one has its turn", () => {
  it.scopedLive(
    "still answers who asked it",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const ann = yield* world.user(ANN)
        const bob = yield* world.user("bob@example.com")
        yield* ens.registered(ANN)
        yield* ens.registered("bob@example.com")
        const verified = world.seal.verify(...urlOf((yield* world.subscription(ANN)).callbackUrl))
        const events: Array<EwsEvent> = []
        let crashes = 1
        Object.defineProperty(events, Symbol.iterator, {
          value: () => {
            if (crashes-- > 0) throw new Error("bug")
            return [][Symbol.iterator]()
          }
        })
        const crashing = ens.post(ann, {
          _tag: "Callback",
          activityId: "a" as ActivityId,
          generation: verified?.generation ?? (0 as Generation),
          subscriptionId: undefined,
          previousWatermark: undefined,
          events,
          errorCode: undefined,
          f: Redacted.make(""),
          hurried: false
        })
        const other = ens.post(bob, new GetStatus({ activityId: "b" as ActivityId, deviceToken: undefined }))
        yield* world.settled
        expect(other.reply).toMatchObject({ code: "UserAlreadySubscribed" })
        expect(crashing.reply).toMatchObject({ _tag: "Unavailable", reason: "crashed" })
      })
    )
  )
})

const urlOf = (url: string): [string, string, string] => {
  const { searchParams } = new URL(url)
  return [searchParams.get("id") ?? "", searchParams.get("f") ?? "", searchParams.get("s") ?? ""]
}
