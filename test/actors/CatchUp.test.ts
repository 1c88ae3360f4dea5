import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { DAY, events, HOUR, inWorld, MINUTE, type Process, type World } from "../support/ActorFixture.ts"
import { faults } from "../support/FakeEws.ts"

const ANN = "ann@example.com"

/** One process, and a user whose subscription calls. */
const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.user(ANN)
    yield* ens.registered(ANN)
    yield* ens.heartbeat(ANN)
    return ens
  })

/** Nothing is heard for so long that the subscription is overdue, and the phone has been asked to register. */
const silence = (world: World) => Effect.zipRight(world.advance(40 * MINUTE, MINUTE), world.push.clear)

/** Mails arrive of which nobody is told. */
const unheard = (world: World, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => i),
    (i) => Effect.zipRight(world.advance(1_000), world.arrive(ANN, { sender: "Bob", subject: `mail ${i}` }))
  )

/** What the phone was sent since the last look, but for silent pushes. */
const shown = (world: World, token = "phone") =>
  Effect.map(world.push.received(token), (all) =>
    all.filter(({ kind }) => kind !== "resubscribe").map(({ payload }) => payload)
  )

/** A callback that reports nothing but a folder's change, and begins where nobody left off. */
const gap = (world: World, ens: Process, options: { readonly hurried?: boolean } = {}) =>
  Effect.gen(function* () {
    const { events } = yield* world.arrive(ANN, { sender: "Eve", subject: "reported" })
    return yield* ens.callback(ANN, events, { previousWatermark: "somewhere else", ...options })
  })

describe("mails that came while no subscription lived", () => {
  it.scopedLive(
    "are not looked for because a heartbeat moved the watermark while Subscribe was still under way",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* world.ews.hold("inbox")
        const registering = ens.register(ANN)
        yield* world.settled
        const status = events.status()
        yield* ens.callback(ANN, [status])
        yield* world.ews.release("inbox")
        yield* world.settled
        expect(registering.reply).toMatchObject({ code: "UserSubscribed" })
        const { events: arrived } = yield* world.arrive(ANN, { sender: "Eve", subject: "first" })
        yield* ens.callback(ANN, arrived, { previousWatermark: status.watermark ?? "" })
        expect(yield* world.titles("phone")).toEqual(["Eve · first"])
        expect(yield* world.ews.count("missed")).toBe(0)
      })
    )
  )

  it.scopedLive(
    "are looked for with the next registration, and announced like others",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(10 * MINUTE, MINUTE)
        yield* ens.heartbeat(ANN)
        const heard = world.clock.now
        yield* silence(world)
        yield* unheard(world, 2)
        expect(yield* ens.registered(ANN)).toMatchObject({ code: "UserSubscribed" })
        yield* world.settled
        expect((yield* world.titles("phone")).toSorted()).toEqual(["Bob · mail 0", "Bob · mail 1"])
        const search = (yield* world.ews.calls).find(({ operation }) => operation === "missed")
        expect(search?.since).toBe(heard - 2 * MINUTE)
      })
    )
  )

  it.scopedLive(
    "are one notification if they are more than five, with the count and at most ten ids, the newest first",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* silence(world)
        const arrived = yield* unheard(world, 12)
        yield* ens.registered(ANN)
        yield* ens.heartbeat(ANN)
        const newest = arrived.map(({ item }) => item).toReversed()
        expect(yield* shown(world)).toMatchObject([
          {
            aps: { alert: { body: "12 new messages" }, badge: 12 },
            ens: { action: "newMail", count: 12, messageIds: newest.slice(0, 10) }
          }
        ])
      })
    )
  )

  it.scopedLive(
    "are announced once, also if callbacks of the new subscription report them, before or after",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* silence(world)
        const [first, second] = yield* unheard(world, 2)
        yield* world.ews.hold("missed")
        const registering = ens.register(ANN)
        yield* world.settled
        // The subscription is made, and its callback is quicker than our own question.
        const early = yield* ens.callback(ANN, first!.events)
        yield* world.ews.release("missed")
        yield* world.settled
        expect(registering.reply).toMatchObject({ code: "UserSubscribed" })
        const late = yield* ens.callback(ANN, second!.events)
        yield* world.settled
        expect([early.reply, late.reply]).toEqual(["Ok", "Ok"])
        expect((yield* shown(world)).filter((payload) => "alert" in (payload.aps as object))).toHaveLength(2)
      })
    )
  )

  it.scopedLive(
    "are not looked for at a first registration, nor while the present subscription listens",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* world.arrive(ANN, { subject: "old" })
        yield* ens.registered(ANN)
        yield* ens.heartbeat(ANN)
        yield* world.advance(7 * MINUTE, MINUTE)
        yield* ens.registered(ANN, { force: true })
        expect(yield* world.ews.count("missed")).toBe(0)
        expect(yield* world.titles("phone")).toEqual([])
      })
    )
  )

  it.scopedLive(
    "are looked for when nothing was heard for so long that Exchange may have given up already",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(MINUTE)
        yield* unheard(world, 1)
        yield* world.advance(9 * MINUTE, MINUTE)
        yield* ens.registered(ANN, { force: true })
        yield* world.settled
        expect(yield* world.titles("phone")).toEqual(["Bob · mail 0"])
      })
    )
  )

  it.scopedLive(
    "are looked for when the process was down for longer than Exchange may have kept trying",
    inWorld((world) =>
      Effect.gen(function* () {
        for (const [down, searches] of [
          [5 * MINUTE, 0],
          [10 * MINUTE, 1]
        ] as const) {
          const ens = yield* world.start
          yield* world.user(ANN)
          yield* ens.registered(ANN, { force: true })
          yield* ens.heartbeat(ANN)
          const before = yield* world.ews.count("missed")
          yield* ens.stop
          yield* world.advance(down, MINUTE)
          const again = yield* world.start
          yield* again.registered(ANN, { force: true })
          expect((yield* world.ews.count("missed")) - before).toBe(searches)
          yield* again.stop
          yield* world.advance(20 * MINUTE, MINUTE)
        }
      })
    )
  )

  it.scopedLive(
    "are not looked for further back than three days",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* unheard(world, 1)
        yield* world.advance(5 * DAY, HOUR)
        yield* world.push.clear
        yield* world.arrive(ANN, { sender: "Bob", subject: "young" })
        yield* ens.registered(ANN)
        yield* world.settled
        expect(yield* world.titles("phone")).toEqual(["Bob · young"])
      })
    )
  )

  it.scopedLive(
    "do not keep a subscription from being made, and are looked for with the next callback's credentials",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* silence(world)
        yield* unheard(world, 1)
        yield* world.ews.failNext("missed", faults.forbidden())
        expect(yield* ens.registered(ANN)).toMatchObject({ code: "UserSubscribed" })
        yield* world.settled
        expect(yield* world.titles("phone")).toEqual([])
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        yield* world.settled
        expect(yield* world.titles("phone")).toEqual(["Bob · mail 0"])
        yield* ens.heartbeat(ANN)
        expect(yield* world.ews.count("missed")).toBe(2)
      })
    )
  )

  it.scopedLive(
    "wait in the outbox while the gateway is down, and are one summary then",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* silence(world)
        yield* world.push.down("iOS")
        yield* unheard(world, 7)
        yield* ens.registered(ANN)
        yield* world.settled
        expect((yield* world.storage.outboxSize).entries).toBeGreaterThanOrEqual(7)
        yield* world.push.clear
        yield* world.push.up("iOS")
        yield* world.advance(40_000)
        const bodies = (yield* shown(world)).map(
          (payload) => (payload as { aps: { alert?: { body: string } } }).aps.alert?.body
        )
        expect(bodies.filter((body) => body !== undefined)).toEqual(["7 new messages"])
      })
    )
  )

  it.scopedLive(
    "are looked for again when the actor crashed over them",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* silence(world)
        const [missed] = yield* unheard(world, 1)
        world.lethal.items.add(missed!.item)
        yield* ens.registered(ANN)
        yield* world.advance(1_000)
        expect(yield* world.titles("phone")).toEqual([])
        world.lethal.items.clear()
        yield* world.advance(5 * MINUTE, MINUTE)
        yield* ens.heartbeat(ANN)
        yield* world.settled
        expect(yield* world.titles("phone")).toEqual(["Bob · mail 0"])
      })
    )
  )
})

/** Another process begins after one that ended in good order, and Exchange has forgotten the subscription. */
const restarted = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.advance(10 * MINUTE, MINUTE)
    yield* ens.registered(ANN, { force: true })
    yield* world.settled
    return ens
  })

describe("mails that came before a start", () => {
  it.scopedLive(
    "are looked for also if the last callback came while the clock was an hour ahead, and told ones not told again",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const user = yield* world.user(ANN)
        yield* world.advance(20 * MINUTE, MINUTE)
        yield* ens.mail(ANN, { sender: "Eve", subject: "told" })
        yield* world.advance(MINUTE)
        yield* ens.stop
        const { generation, hot } = Option.getOrThrow(yield* world.storage.subscription(user))
        yield* world.storage.saveHot([{ user, generation, hot: { ...hot, lastHeard: hot.lastHeard + HOUR } }])
        yield* unheard(world, 1)
        yield* world.advance(10 * MINUTE, MINUTE)
        const again = yield* world.start
        expect(yield* again.status(ANN)).toMatchObject({ lastHeartbeat: null })
        yield* again.stop
        yield* restarted(world)
        expect(yield* world.titles("phone")).toEqual(["Eve · told", "Bob · mail 0"])
      })
    )
  )

  for (const [offset, name] of [
    [-HOUR, "ahead of"],
    [HOUR, "behind"]
  ] as const) {
    it.scopedLive(
      `are looked for also if our clock is an hour ${name} Exchange's, and told ones not told again`,
      inWorld((world) =>
        Effect.gen(function* () {
          // What the fake Exchange says is on the wall clock, what the process compares is not.
          world.clock.wallOffset = offset
          const ens = yield* ready(world)
          yield* ens.mail(ANN, { sender: "Eve", subject: "told" })
          yield* ens.stop
          yield* unheard(world, 1)
          yield* world.advance(10 * MINUTE, MINUTE)
          yield* restarted(world)
          expect(yield* world.titles("phone")).toEqual(["Eve · told", "Bob · mail 0"])
        })
      )
    )
  }

  it.scopedLive(
    "are looked for also if the subscription was made while the clock was an hour ahead",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const user = yield* world.user(ANN)
        const row = Option.getOrThrow(yield* world.storage.subscription(user))
        const { subscriptionId } = yield* world.subscription(ANN)
        yield* ens.stop
        yield* world.storage.saveSubscribed(
          { ...row, subscriptionId, subscribedAt: world.clock.now + HOUR, watermark: null, unread: 0 },
          Option.getOrThrow(yield* world.storage.user(user)).fingerprint ?? new Uint8Array(),
          undefined
        )
        yield* unheard(world, 1)
        yield* world.advance(MINUTE)
        const again = yield* world.start
        yield* world.advance(10 * MINUTE, MINUTE)
        yield* again.registered(ANN, { force: true })
        yield* world.settled
        expect(yield* world.titles("phone")).toEqual(["Bob · mail 0"])
      })
    )
  )
})

describe("a callback that does not go on where the last one ended", () => {
  it.scopedLive(
    "has missed mails looked for with its credentials, and announces its own as ever",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(10_000)
        yield* unheard(world, 1)
        const { reply } = yield* gap(world, ens)
        expect(reply).toBe("Ok")
        expect((yield* world.titles("phone")).toSorted()).toEqual(["Bob · mail 0", "Eve · reported"])
        expect(yield* world.ews.count("missed")).toBe(1)
      })
    )
  )

  it.scopedLive(
    "is told apart from its own repeat, and from a mere heartbeat",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const { events } = yield* world.arrive(ANN)
        const { watermark } = yield* world.subscription(ANN)
        yield* ens.callback(ANN, events)
        yield* ens.callback(ANN, events, { previousWatermark: watermark })
        yield* ens.heartbeat(ANN, { previousWatermark: "refreshed by Exchange" })
        expect(yield* world.ews.count("missed")).toBe(0)
      })
    )
  )

  it.scopedLive(
    "is worth one look in five minutes",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        for (let i = 0; i < 4; i++) {
          yield* gap(world, ens)
          yield* world.advance(MINUTE, MINUTE)
        }
        expect(yield* world.ews.count("missed")).toBe(1)
        yield* unheard(world, 1)
        yield* world.advance(2 * MINUTE, MINUTE)
        yield* ens.heartbeat(ANN)
        yield* world.settled
        expect(yield* world.ews.count("missed")).toBe(2)
        expect(yield* world.titles("phone")).toContain("Bob · mail 0")
      })
    )
  )

  it.scopedLive(
    "has nothing looked for while questions are out of place, but later",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* unheard(world, 1)
        yield* gap(world, ens, { hurried: true })
        expect(yield* world.ews.count("missed")).toBe(0)
        yield* ens.heartbeat(ANN)
        yield* world.settled
        expect(yield* world.titles("phone")).toContain("Bob · mail 0")
      })
    )
  )

  it.scopedLive(
    "may be the first one that a process hears",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(20_000)
        yield* ens.kill
        yield* unheard(world, 1)
        const again = yield* world.start
        yield* gap(world, again)
        yield* world.settled
        expect((yield* world.titles("phone")).toSorted()).toEqual(["Bob · mail 0", "Eve · reported"])
      })
    )
  )

  it.scopedLive(
    "has the unread count read all the same where missed mails cannot be looked for",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(20_000)
        yield* world.ews.failNext("missed", faults.refused("ErrorInvalidOperation"))
        const { events } = yield* world.arrive(ANN)
        yield* world.ews.setUnread(ANN, 7)
        yield* ens.callback(ANN, events.slice(0, 2), { previousWatermark: "somewhere else" })
        expect((yield* shown(world)).at(-1)).toMatchObject({ aps: { badge: 7 } })
      })
    )
  )

  it.scopedLive(
    "is given up where Exchange refuses to search, and kept where the mailbox is not there at the moment",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        for (const [code, searches] of [
          ["ErrorUnsupportedPathForQuery", 1],
          ["ErrorNonExistentMailbox", 2]
        ] as const) {
          const before = yield* world.ews.count("missed")
          yield* world.ews.failNext("missed", faults.refused(code))
          yield* gap(world, ens)
          yield* world.advance(6 * MINUTE, MINUTE)
          yield* ens.heartbeat(ANN)
          yield* world.advance(6 * MINUTE, MINUTE)
          expect((yield* world.ews.count("missed")) - before).toBe(searches)
        }
      })
    )
  )

  it.scopedLive(
    "is not forgotten over a renewal that comes between",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(10 * MINUTE, MINUTE)
        yield* unheard(world, 1)
        yield* world.ews.hold("missed")
        yield* world.ews.failNext("missed", faults.busy())
        yield* gap(world, ens)
        yield* ens.callback(ANN, [], { errorCode: "ErrorReadEventsFailed" })
        yield* world.ews.hold("subscribe")
        yield* world.ews.release("missed")
        yield* world.settled
        yield* world.ews.release("subscribe")
        yield* world.settled
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Unconfirmed" })
        yield* world.advance(5 * MINUTE, MINUTE)
        yield* ens.heartbeat(ANN)
        yield* world.settled
        expect((yield* world.titles("phone")).toSorted()).toEqual(["Bob · mail 0", "Eve · reported"])
      })
    )
  )

  for (const end of ["stop", "kill"] as const) {
    it.scopedLive(
      `is not forgotten when the process ends before anybody has looked (${end})`,
      inWorld((world) =>
        Effect.gen(function* () {
          const ens = yield* ready(world)
          yield* world.advance(10 * MINUTE, MINUTE)
          yield* unheard(world, 1)
          const { reply } = yield* gap(world, ens, { hurried: true })
          expect(reply).toBe("Ok")
          yield* world.advance(15_000, 1_000)
          expect(yield* world.ews.count("missed")).toBe(0)
          yield* ens[end]

          const next = yield* world.start
          yield* next.heartbeat(ANN)
          yield* world.settled
          expect(yield* world.titles("phone")).toContain("Bob · mail 0")
          expect(yield* world.ews.count("missed")).toBe(1)
          yield* world.advance(15_000, 1_000)
          yield* next.stop

          yield* (yield* world.start).heartbeat(ANN)
          yield* world.settled
          expect(yield* world.ews.count("missed"), "looked for once").toBe(1)
        })
      )
    )
  }

  it.scopedLive(
    "does not hold up its own mail for what was missed",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* unheard(world, 1)
        yield* world.ews.failNext("missed", faults.busy())
        const { reply } = yield* gap(world, ens)
        expect(reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Eve · reported"])
        yield* world.advance(5 * MINUTE, MINUTE)
        yield* ens.heartbeat(ANN)
        yield* world.settled
        expect(yield* world.titles("phone")).toContain("Bob · mail 0")
      })
    )
  )
})
