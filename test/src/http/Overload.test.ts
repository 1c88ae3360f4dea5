import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, FastCheck } from "effect"
import { Intake } from "../../../src/http/Intake.ts"
import {
  EXTREME,
  HIGH,
  IN_HAND_MAX,
  type LatchLimits,
  type Load,
  loadAfter,
  NO_LOAD,
  type Pressure,
  pressureOf,
  refusesUnread,
  refusesWork
} from "../../../src/http/Overload.ts"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import { RawHttp } from "../../support/RawHttp.ts"
import { heartbeat, readEventsFailed } from "./Bodies.ts"
import { ListenerFixture } from "./ListenerFixture.ts"

const lateness = FastCheck.oneof(
  FastCheck.constantFrom(0, 49, 50, 249, 250, 999, 1000, 7000),
  FastCheck.double({ min: 0, max: 3000, noNaN: true })
)
/** The pressure after each of these measurements. */
const pressures = (measured: ReadonlyArray<number>): ReadonlyArray<Pressure> => {
  let load = NO_LOAD
  return measured.map((late) => {
    load = loadAfter(load, { late, processor: late })
    return pressureOf(load)
  })
}
const starved = FastCheck.double({ min: HIGH.below, max: 60_000, noNaN: true })
const loadOf = (measured: ReadonlyArray<number>) =>
  measured.reduce((load, late) => loadAfter(load, { late, processor: late }), NO_LOAD)
const rank = (load: Load) => ["none", "high", "extreme"].indexOf(pressureOf(load))
const runs = (value: number, times: number) => Array.from({ length: times }, () => value)

describe("the pressure", () => {
  it("is none whatever single pauses there are, however long", () => {
    const pause = FastCheck.tuple(lateness, FastCheck.double({ min: 0, max: HIGH.above - 1, noNaN: true }))
    FastCheck.assert(
      FastCheck.property(FastCheck.array(pause), (pauses) => {
        expect(pressures(pauses.flat()).every((pressure) => pressure === "none")).toBe(true)
      })
    )
    expect(pressures([60_000, 400, 300, 10])).not.toContain("high")
  })

  it("rises with turns that are late in a row, and does not fall before there is calm", () => {
    expect(pressures(runs(250, 4))).toEqual(["none", "none", "none", "high"])
    expect(pressures(runs(1000, 4)).slice(2)).toEqual(["extreme", "extreme"])
    const level = (limits: LatchLimits, on: Pressure) =>
      FastCheck.property(FastCheck.array(lateness, { maxLength: 200 }), (measured) => {
        const all = pressures([...runs(limits.above, limits.times), ...measured])
        for (const [at, pressure] of all.entries()) {
          if (at < limits.times || all[at - 1] !== on || pressure === on) continue
          const recent = [...runs(limits.above, limits.times), ...measured].slice(
            at - limits.calm + 1,
            at + 1
          )
          const fell = recent.every((late) => late < limits.below)
          expect(fell || (on === "high" && pressure === "extreme")).toBe(true)
        }
      })
    FastCheck.assert(level(HIGH, "high"))
    FastCheck.assert(level(EXTREME, "extreme"))
  })

  it("is over after half a second of calm, whatever was before", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(lateness, { maxLength: 200 }), (measured) => {
        expect(pressures([...measured, ...runs(0, HIGH.calm)]).at(-1)).toBe("none")
      })
    )
  })

  it("does not rise by lateness that others made: the process got no processor", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(lateness), starved, (measured, late) => {
        const load = loadOf(measured)
        expect(rank(loadAfter(load, { late, processor: late / 5 }))).toBeLessThanOrEqual(rank(load))
        // Nor does it count among those in a row that are late.
        expect(loadAfter(NO_LOAD, { late, processor: late / 5 })).toEqual(NO_LOAD)
      })
    )
  })

  it("is over also where others take the processor from then on: refusing work would not bring it back", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(lateness), starved, (measured, late) => {
        let load = loadOf(measured)
        for (let i = 0; i < HIGH.calm; i++) load = loadAfter(load, { late, processor: late / 5 })
        expect(pressureOf(load)).toBe("none")
      })
    )
  })

  it("does not flap: it changes at most once in as many measurements as calm takes", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(lateness, { maxLength: 400 }), (measured) => {
        const all = pressures(measured)
        const rises = all.flatMap((pressure, at) =>
          pressure !== "none" && all[at - 1] === "none" ? [at] : []
        )
        for (const [index, at] of rises.entries())
          if (index > 0) expect(at - (rises[index - 1] ?? 0)).toBeGreaterThan(HIGH.calm)
      })
    )
  })
})

describe("what is refused", () => {
  const anyPressure = FastCheck.constantFrom<Pressure>("none", "high", "extreme")
  const inHand = FastCheck.oneof(
    FastCheck.integer({ min: 0, max: 2 * IN_HAND_MAX }),
    FastCheck.constantFrom(0, IN_HAND_MAX / 2, IN_HAND_MAX - 1, IN_HAND_MAX)
  )

  it("is work before heartbeats: who refuses a heartbeat refuses a mail", () => {
    FastCheck.assert(
      FastCheck.property(anyPressure, inHand, (pressure, count) => {
        if (refusesUnread(pressure, count, 0)) expect(refusesWork(pressure, count)).toBe(true)
      })
    )
  })

  it("is nothing while little is in hand and the loop keeps up", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.integer({ min: 0, max: IN_HAND_MAX / 2 - 1 }), (count) => {
        expect([refusesUnread("none", count, 0), refusesWork("none", count)]).toEqual([false, false])
      })
    )
  })
})

describe("the callback listener under pressure", () => {
  const start = Effect.gen(function* () {
    const fixture = new ListenerFixture()
    const services = yield* fixture.listen()
    const { port } = Context.get(services, PublicListener)
    const connection = yield* Effect.acquireRelease(
      Effect.promise(() => RawHttp.connect(port)),
      (open) => Effect.sync(() => open.destroy())
    )
    const status = (body: string) =>
      Effect.promise(async () => {
        connection.send("POST", fixture.url(), body)
        return (await connection.response()).status
      })
    return { fixture, intake: Context.get(services, Intake), status, connection }
  })

  it.scoped("answers 503 to what brings work and serves heartbeats, on the same connection", () =>
    Effect.gen(function* () {
      const { fixture, intake, status } = yield* start
      intake.press("high")
      expect(yield* status(readEventsFailed)).toBe(503)
      expect(yield* status(heartbeat())).toBe(200)
      expect(fixture.posts).toBe(1)
      intake.press("none")
      expect(yield* status(readEventsFailed)).toBe(200)
    })
  )

  it.scoped("answers 503 with when to retry to everything at last, but not to health checks", () =>
    Effect.gen(function* () {
      const { connection, fixture, intake } = yield* start
      intake.press("extreme")
      connection.send("GET", "/healthz")
      expect((yield* Effect.promise(() => connection.response())).status).toBe(200)
      connection.send("POST", fixture.url(), heartbeat())
      const answer = yield* Effect.promise(() => connection.response())
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "30"])
      expect(answer.headers.get("connection")).toBe("close")
      expect(fixture.posts).toBe(0)
    })
  )
})
