import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, FastCheck as fc, Scope, TestClock } from "effect"
import { TimingWheel, WheelEntry } from "../../actors/TimingWheel.ts"
import { ManualClock, turns } from "../support/ManualClock.ts"

class Timer extends WheelEntry {
  due = 0
  fired: Array<number> = []
}

const wheelOf = (onFire: (timer: Timer, now: number) => void = () => {}) =>
  TimingWheel.make<Timer>((timer, now) => {
    timer.fired.push(now)
    onFire(timer, now)
  })

describe("the timing wheel", () => {
  it.scoped("fires a timer once, when its time has come", () =>
    Effect.gen(function* () {
      const wheel = yield* wheelOf()
      const timer = new Timer()
      wheel.arm(timer, wheel.now() + 500)
      yield* TestClock.adjust(499)
      expect(timer.fired).toEqual([])
      yield* TestClock.adjust(5)
      expect(timer.fired).toHaveLength(1)
      expect(timer.armed).toBe(false)
      yield* TestClock.adjust("3 hours")
      expect(timer.fired).toHaveLength(1)
    })
  )

  it.scoped("moves a timer that is armed again, also to an earlier time", () =>
    Effect.gen(function* () {
      const wheel = yield* wheelOf()
      const timer = new Timer()
      wheel.arm(timer, 60_000)
      yield* TestClock.adjust(1000)
      wheel.arm(timer, 2000)
      yield* TestClock.adjust(1100)
      expect(timer.fired).toHaveLength(1)
      yield* TestClock.adjust(100_000)
      expect(timer.fired).toHaveLength(1)
    })
  )

  it.scoped("fires what is overdue without waiting for the clock", () =>
    Effect.gen(function* () {
      const wheel = yield* wheelOf()
      yield* TestClock.adjust(1000)
      const timer = new Timer()
      wheel.arm(timer, 10)
      yield* Effect.promise(turns)
      expect(timer.fired).toEqual([1000])
    })
  )

  it.scoped("lets I/O be served while a timer keeps arming itself for the past", () =>
    Effect.gen(function* () {
      const wheel = yield* wheelOf((timer) => timer.fired.length < 1000 && wheel.arm(timer, 0))
      const timer = new Timer()
      wheel.arm(timer, 0)
      yield* Effect.promise(turns)
      expect(timer.fired.length).toBeGreaterThan(0)
      expect(timer.fired.length).toBeLessThan(1000)
    })
  )

  it.scoped("waits longer than a timer of Node can", () =>
    Effect.gen(function* () {
      const clock = new ManualClock()
      const wheel = yield* Effect.withClock(wheelOf(), clock)
      const timer = new Timer()
      const month = 40 * 86_400_000
      wheel.arm(timer, month)
      yield* Effect.promise(() => clock.advance(month - 1))
      expect(timer.fired).toEqual([])
      yield* Effect.promise(() => clock.advance(month / 1000))
      expect(timer.fired).toHaveLength(1)
    })
  )

  it.scoped("wakes up for occupied slots only: 10,000 timers within an hour from now, nothing before", () =>
    Effect.gen(function* () {
      const clock = new ManualClock()
      const wheel = yield* Effect.withClock(wheelOf(), clock)
      const timers = Array.from({ length: 10_000 }, () => new Timer())
      for (const [i, timer] of timers.entries()) wheel.arm(timer, 3_540_000 + i * 6)
      yield* Effect.promise(() => clock.advance(3_500_000))
      expect(clock.wakeUps).toBe(0)
      yield* Effect.promise(() => clock.advance(110_000))
      expect(timers.every((timer) => timer.fired.length === 1)).toBe(true)
      expect(clock.wakeUps).toBeLessThanOrEqual(62)
    })
  )

  it.scoped("keeps no more slots than times are worth telling apart, however often timers are moved", () =>
    Effect.gen(function* () {
      const clock = new ManualClock()
      const wheel = yield* Effect.withClock(wheelOf(), clock)
      const timers = Array.from({ length: 100 }, () => new Timer())
      for (let step = 0; step < 2000; step++) {
        for (const timer of timers) wheel.arm(timer, wheel.now() + 1_800_000 + ((step * 7919) % 60_000))
        yield* Effect.promise(() => clock.advance(1000))
      }
      expect(wheel.slotCount).toBeLessThan(2000)
      expect(timers.every((timer) => timer.fired.length === 0)).toBe(true)
    })
  )

  it.scoped("goes on after somebody interrupted its sleeping fiber", () =>
    Effect.gen(function* () {
      const before = new Set(yield* Fiber.roots)
      const wheel = yield* wheelOf()
      const timer = new Timer()
      wheel.arm(timer, 5000)
      yield* Effect.promise(turns)
      const sleeping = (yield* Fiber.roots).filter((fiber) => !before.has(fiber))
      expect(sleeping.length).toBeGreaterThan(0)
      yield* Fiber.interruptAll(sleeping)
      yield* TestClock.adjust(5100)
      expect(timer.fired).toHaveLength(1)
    })
  )

  it.effect("fires nothing after its scope is closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const wheel = yield* Scope.extend(wheelOf(), scope)
      const timer = new Timer()
      wheel.arm(timer, 100)
      yield* TestClock.adjust(50)
      yield* Scope.close(scope, Exit.void)
      wheel.arm(timer, 60)
      yield* TestClock.adjust(1000)
      expect(timer.fired).toEqual([])
    })
  )

  it("fires each armed timer once and never early, or it was cancelled", () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
        const clock = new ManualClock()
        const timers = Array.from({ length: 8 }, () => new Timer())
        const scenario = Effect.gen(function* () {
          const late: Array<number> = []
          const wheel = yield* wheelOf((timer, now) => late.push(now - timer.due))
          let armed = 0
          let replaced = 0
          let cancelled = 0
          for (const { kind, which, delay } of steps) {
            const timer = timers[which]!
            if (kind === "arm") {
              armed++
              if (timer.armed) replaced++
              timer.due = wheel.now() + delay
              wheel.arm(timer, timer.due)
            } else if (kind === "cancel") {
              if (timer.armed) cancelled++
              wheel.cancel(timer)
            } else {
              yield* Effect.promise(() => clock.advance(delay))
            }
          }
          yield* Effect.promise(() => clock.advance(LONGEST * 1.01))
          const fired = timers.reduce((sum, timer) => sum + timer.fired.length, 0)
          expect(fired + replaced + cancelled).toBe(armed)
          expect(Math.min(0, ...late)).toBe(0)
          expect(Math.max(0, ...late)).toBeLessThanOrEqual(Math.max(1024, LONGEST / 2048))
          expect(timers.some((timer) => timer.armed)).toBe(false)
          yield* Effect.promise(() => clock.advance(1))
          expect(wheel.slotCount).toBe(0)
        })
        await Effect.runPromise(Effect.withClock(Effect.scoped(scenario), clock))
      }),
      { numRuns: 60 }
    ))

  it("is late by at most 1/128 of the delay, or a second", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 4_000_000 }), fc.nat(5_000), async (delay, offset) => {
        const clock = new ManualClock()
        const scenario = Effect.gen(function* () {
          const wheel = yield* wheelOf()
          yield* Effect.promise(() => clock.advance(offset))
          const timer = new Timer()
          const due = wheel.now() + delay
          wheel.arm(timer, due)
          yield* Effect.promise(() => clock.advance(delay + 2000))
          expect(timer.fired).toHaveLength(1)
          const late = timer.fired[0]! - due
          expect(late).toBeGreaterThanOrEqual(0)
          expect(late).toBeLessThanOrEqual(Math.min(1024, Math.max(1, delay / 64)))
        })
        await Effect.runPromise(Effect.withClock(Effect.scoped(scenario), clock))
      }),
      { numRuns: 100 }
    ))
})

const LONGEST = 30 * 86_400_000

const step = fc.record({
  kind: fc.constantFrom("arm" as const, "arm" as const, "cancel" as const, "advance" as const),
  which: fc.nat(7),
  delay: fc.oneof(
    fc.constant(0),
    fc.nat(200),
    fc.nat(100_000).map((ms) => ms + 0.37),
    fc.nat(4_000_000),
    fc.nat(LONGEST)
  )
})
