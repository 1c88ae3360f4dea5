import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { earlierNow, now } from "../../actors/Now.ts"
import { StepClock } from "../support/StepClock.ts"

describe("the clock of removals", () => {
  it.effect(
    "does not follow a wall clock that is set forward, and follows one that is set back at once",
    () =>
      Effect.gen(function* () {
        const clock = new StepClock(1_000_000)
        const read = Effect.withClock(Effect.all([now, earlierNow]), clock)
        expect(yield* read).toEqual([1_000_000, 1_000_000])
        clock.wallOffset = 5_000
        expect(yield* read).toEqual([1_000_000, 1_000_000])
        clock.wallOffset = -5_000
        expect(yield* read).toEqual([1_000_000, 995_000])
      })
  )
})
