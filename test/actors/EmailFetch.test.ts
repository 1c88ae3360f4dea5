import { describe, expect, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { emailFetchFailed, mailsOutsideInbox } from "../../actors/jobs/FetchMetrics.ts"
import { inWorld, type World } from "../support/ActorFixture.ts"
import { faults, inboxIdOf } from "../support/FakeEws.ts"

const ANN = "ann@example.com"

/** One process, and a user with an iPhone. */
const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.user(ANN)
    yield* ens.registered(ANN)
    return ens
  })

const failures = Effect.map(
  Effect.all(
    (["rejected", "sealed", "other"] as const).map((reason) => Metric.value(emailFetchFailed(reason)))
  ),
  (states) => states.map(({ count }) => count)
)

/** How often fetches failed during `body`, by reason; the registry is shared by the whole process. */
const during = <E, R>(body: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    const before = yield* failures
    yield* body
    return (yield* failures).map((count, i) => count - before[i]!)
  })

const named = (world: World) => world.lines.filter(({ text }) => text.includes("EmailFetchfailed"))

describe("details of mails that cannot be had", () => {
  it.scopedLive(
    "are counted by reason and named in the log",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const other = Effect.gen(function* () {
          yield* world.ews.failNext("mails", faults.busy(), { times: 4 })
          yield* ens.mail(ANN)
          yield* world.advance(5_000)
          yield* world.ews.heal
          yield* world.ews.hold("mails")
          yield* ens.mail(ANN)
          yield* world.advance(6_000)
          yield* world.ews.release("mails")
        })
        expect(yield* during(other)).toEqual([0, 0, 2])
        expect(named(world).map(({ level }) => level)).toEqual(["WARN", "WARN"])
        yield* world.ews.failNext("mails", faults.unauthorized())
        expect(yield* during(ens.mail(ANN))).toEqual([1, 0, 0])
        expect(named(world)).toHaveLength(3)
      })
    )
  )

  it.scopedLive(
    "are not named when only the unread count is missing",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(10_000)
        const { events } = yield* world.arrive(ANN, { subject: "Lunch" })
        yield* world.ews.failNext("inbox", faults.busy())
        const withoutCount = ens.callback(ANN, events.slice(0, 2))
        expect(yield* during(withoutCount)).toEqual([0, 0, 0])
        expect(yield* world.titles("phone")).toEqual(["Ada Lovelace · Lunch"])
        expect(named(world)).toEqual([])
        expect(world.logged("WARN").join()).toContain("the unread count could not be read")
      })
    )
  )

  it.scopedLive(
    "are not named for a user whose record storage does not give: that mail does not go out, and Exchange repeats it",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* (yield* ready(world)).stop
        const ens = yield* world.start
        const { events } = yield* world.arrive(ANN, { subject: "Lunch" })
        world.faults.down(true)
        const repeated = Effect.gen(function* () {
          expect((yield* ens.callback(ANN, events)).reply).toBe("Retry")
        })
        expect(yield* during(repeated)).toEqual([0, 0, 0])
        expect(named(world)).toEqual([])
        expect(world.logged("WARN")).toEqual([])
        world.faults.down(false)
        expect((yield* ens.callback(ANN, events)).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Ada Lovelace · Lunch"])
      })
    )
  )
})

describe("mails outside of the Inbox", () => {
  const ARCHIVE = inboxIdOf("archive")
  const counted = Effect.map(Metric.value(mailsOutsideInbox), ({ count }) => count)

  it.scopedLive(
    "are not announced, but counted and told without any id",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const before = yield* counted
        const inside = yield* world.arrive(ANN, { subject: "Lunch" })
        const outside = yield* world.arrive(ANN, { folder: ARCHIVE, subject: "secret" })
        const lookups = yield* world.ews.count("inbox")
        yield* ens.callback(ANN, [...inside.events, ...outside.events])
        expect(yield* world.titles("phone")).toEqual(["Ada Lovelace · Lunch"])
        expect((yield* counted) - before).toBe(1)
        const told = world.logged("INFO").filter((text) => text.includes("outside of the Inbox"))
        expect(told).toHaveLength(1)
        expect(told[0]).not.toMatch(/secret|item-|archive/)
        // One of them is inside, so the fingerprint is right and nobody is asked.
        expect(yield* world.ews.count("inbox")).toBe(lookups)
      })
    )
  )

  it.scopedLive(
    "are believed to be outside only after a look at which folder the Inbox is",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const lookups = yield* world.ews.count("inbox")
        yield* ens.mail(ANN, { folder: ARCHIVE })
        expect(yield* world.ews.count("inbox")).toBe(lookups + 1)
        yield* world.ews.failNext("inbox", faults.forbidden())
        yield* ens.mail(ANN, { folder: ARCHIVE })
        // In doubt a mail is announced, without details.
        expect(yield* world.titles("phone")).toEqual(["New message"])
        expect(named(world)).toHaveLength(1)
      })
    )
  )

  it.scopedLive(
    "are inside all the same if they lie in what is the Inbox now, and that is told",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.setInbox(ANN, inboxIdOf("moved"))
        const before = yield* counted
        const inside = yield* world.arrive(ANN, { subject: "Lunch" })
        const outside = yield* world.arrive(ANN, { folder: ARCHIVE, subject: "secret" })
        yield* ens.callback(ANN, [...inside.events, ...outside.events])
        expect(yield* world.titles("phone")).toEqual(["Ada Lovelace · Lunch"])
        expect((yield* counted) - before).toBe(1)
        expect(world.logged("WARN").join()).toContain(
          "the Inbox has another id than when the user registered"
        )
      })
    )
  )
})
