import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, FastCheck, Scope, TestClock } from "effect"
import { Alarms } from "../../actors/Alarms.ts"
import { now } from "../../actors/Now.ts"

describe("alarms", () => {
  it.scoped("ring at their time and not before, whatever the order in which they were set", () =>
    Effect.gen(function* () {
      const alarms = yield* Alarms.make
      const start = yield* now
      const rung: Array<number> = []
      for (const after of [300, 100, 200, 100]) alarms.set(start + after, () => rung.push(after))
      yield* TestClock.adjust(99)
      expect(rung).toEqual([])
      yield* TestClock.adjust(1)
      expect(rung).toEqual([100, 100])
      yield* TestClock.adjust(150)
      expect(rung).toEqual([100, 100, 200])
      yield* TestClock.adjust(1_000)
      expect(rung).toEqual([100, 100, 200, 300])
    })
  )

  it.scoped("do not ring when they were cancelled, also by one that rings", () =>
    Effect.gen(function* () {
      const alarms = yield* Alarms.make
      const start = yield* now
      const rung: Array<string> = []
      const first = alarms.set(start + 10, () => rung.push("first"))
      alarms.set(start + 20, () => {
        rung.push("second")
        third.cancel()
      })
      const third = alarms.set(start + 20, () => rung.push("third"))
      first.cancel()
      first.cancel()
      yield* TestClock.adjust(100)
      expect(rung).toEqual(["second"])
    })
  )

  it.live("of the past ring soon, without a clock that moves, and never while they are set", () =>
    Effect.gen(function* () {
      const alarms = yield* Alarms.make
      const start = yield* now
      let isSet = false
      const rung = yield* Effect.async<boolean>((resume) => {
        alarms.set(start - 1_000, () => resume(Effect.succeed(isSet)))
        isSet = true
      })
      expect(rung).toBe(true)
    }).pipe(Effect.scoped)
  )

  it.effect("are silent after their scope was closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const alarms = yield* Scope.extend(Alarms.make, scope)
      const start = yield* now
      const rung: Array<string> = []
      alarms.set(start + 10, () => rung.push("before"))
      yield* Scope.close(scope, Exit.void)
      alarms.set(start + 20, () => rung.push("after"))
      yield* TestClock.adjust(100)
      expect(rung).toEqual([])
    })
  )

  it.effect.prop(
    "ring once each, in order of their times",
    [FastCheck.array(FastCheck.tuple(FastCheck.integer({ min: 1, max: 500 }), FastCheck.boolean()))],
    ([wanted]) =>
      Effect.gen(function* () {
        const alarms = yield* Alarms.make
        const start = yield* now
        const rung: Array<number> = []
        for (const [after, isCancelled] of wanted) {
          const alarm = alarms.set(start + after, () => rung.push(after))
          if (isCancelled) alarm.cancel()
        }
        yield* TestClock.adjust(1_000)
        const kept = wanted.flatMap(([after, isCancelled]) => (isCancelled ? [] : [after]))
        expect(rung).toEqual(kept.sort((a, b) => a - b))
      }).pipe(Effect.scoped)
  )
})
