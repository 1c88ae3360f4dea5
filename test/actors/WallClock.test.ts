import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { DAY, HOUR, inWorld, MINUTE, type Process, type World } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"

const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.user(ANN)
    yield* ens.registered(ANN)
    yield* ens.heartbeat(ANN)
    return ens
  })

const silentPushes = (world: World) =>
  Effect.map(world.push.received("phone"), (all) => all.filter(({ kind }) => kind === "resubscribe").length)

/** Two hours in which Exchange keeps its heartbeat of 15 minutes. */
const twoHours = (world: World, ens: Process) =>
  Effect.forEach(Array.from({ length: 8 }), () =>
    Effect.gen(function* () {
      yield* world.advance(15 * MINUTE, 30_000)
      expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
    })
  )

/** Nobody was taken for silent, a mail gets through, and real silence is noticed when it is due. */
const allIsWell = (world: World, ens: Process) =>
  Effect.gen(function* () {
    expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
    expect(yield* silentPushes(world)).toBe(0)
    expect((yield* ens.mail(ANN, { sender: "Bob", subject: "after the step" })).reply).toBe("Ok")
    expect(yield* world.titles("phone")).toContain("Bob · after the step")
    yield* world.advance(29 * MINUTE, 30_000)
    expect(yield* ens.status(ANN)).toMatchObject({ state: "Active" })
    yield* world.advance(5 * MINUTE, 5_000)
    expect(yield* ens.status(ANN)).toMatchObject({ state: "Overdue" })
    expect(yield* silentPushes(world)).toBe(1)
  })

describe("a wall clock that is set", () => {
  for (const [step, name] of [
    [HOUR, "forward by an hour"],
    [-HOUR, "back by an hour"],
    [400 * DAY, "forward by more than a year"]
  ] as const) {
    it.scopedLive(
      `${name} while ENS runs makes nobody overdue, and timers keep their times`,
      inWorld((world) =>
        Effect.gen(function* () {
          const ens = yield* ready(world)
          yield* twoHours(world, ens)
          world.clock.wallOffset = step
          yield* twoHours(world, ens)
          yield* allIsWell(world, ens)
        })
      )
    )
  }

  it.scopedLive(
    "to and fro all the time changes nothing",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        for (const step of [HOUR, -HOUR, 0, -DAY, DAY, 5 * MINUTE]) {
          world.clock.wallOffset = step
          yield* twoHours(world, ens)
        }
        yield* allIsWell(world, ens)
      })
    )
  )
})

describe("daylight saving time", () => {
  // 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC: the hour that Central Europe skips, and the one that it has twice.
  for (const [change, name] of [
    [Date.UTC(2026, 2, 29, 1), "begins"],
    [Date.UTC(2026, 9, 25, 1), "ends"]
  ] as const) {
    it.scopedLive(
      `that ${name} makes nobody overdue`,
      inWorld((world) =>
        Effect.gen(function* () {
          const zone = process.env["TZ"]
          yield* Effect.addFinalizer(() =>
            Effect.sync(() => {
              if (zone === undefined) delete process.env["TZ"]
              else process.env["TZ"] = zone
            })
          )
          process.env["TZ"] = "Europe/Berlin"
          expect(new Date(change - 1).getTimezoneOffset()).not.toBe(new Date(change).getTimezoneOffset())
          // Monotonic time goes on from the test's own start; the wall clock shows the night of the change.
          world.clock.wallOffset = change - HOUR - world.clock.now
          const ens = yield* ready(world)
          yield* twoHours(world, ens)
          yield* allIsWell(world, ens)
        })
      )
    )
  }
})

describe("a subscription that was heard of weeks ago", () => {
  it.scopedLive(
    "keeps its phone's schedule over 25 days of silence, longer than a timer of Node can wait",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(25 * DAY, HOUR / 4)
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Lost" })
        // At 0 and 30 min, 2 h, then daily for 14 days.
        expect(yield* silentPushes(world)).toBeGreaterThanOrEqual(16)
        expect(yield* silentPushes(world)).toBeLessThanOrEqual(18)
      })
    )
  )
})
