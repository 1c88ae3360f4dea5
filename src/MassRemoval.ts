import { Effect, Ref } from "effect"
import { earlierNow } from "../actors/Now.ts"

/**
 * Whether a day's search may be followed by the removals: `old` of `all` (`what`) are too old. So many at once hardly happen
 * by themselves, but each time that the clock has been set forward; then nothing is removed, and a warning says so. Who sees it a
 * week long has had time to set the clock right, and it goes on. Days are counted by rounds of this process, not by the clock.
 */
export type MassRemoval = (what: string, old: number, all: number) => Effect.Effect<boolean>

/** For one rule; begins anew with the process or tenure. */
export const make: Effect.Effect<MassRemoval> = Effect.map(
  Ref.make(0),
  (days) => (what, old, all) =>
    old * MOST_OF <= all
      ? Effect.as(Ref.set(days, 0), true)
      : Effect.gen(function* () {
          const left = DAYS - (yield* Ref.getAndUpdate(days, (day) => Math.min(day + 1, DAYS)))
          if (left === 0) return true
          const today = new Date(yield* earlierNow).toISOString().slice(0, 10)
          yield* Effect.logWarning(
            `retention has left ${old} of ${all} ${what} alone, though they are too old: so many at once may come of a wrong clock, which says ${today}. If it is right, they will be removed ${left === 1 ? "tomorrow" : `in ${left} days`}, counted anew from a restart`
          )
          return false
        })
)

/** A tenth of all is many. */
const MOST_OF = 10
const DAYS = 7
