import { Clock, Effect } from "effect"

/**
 * Milliseconds of a clock that is never set: the wall clock when the process started, and what has passed since. Every
 * time that an actor compares is on this line; storage gets it as milliseconds since 1970.
 */
export const nowOf = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)

export const now: Effect.Effect<number> = Effect.clockWith((clock) => Effect.sync(() => nowOf(clock)))

/**
 * The earlier of that line and the wall clock: what is old enough to be removed must be so by both, so that a clock that is
 * set forward removes nothing while the process runs, and one that is set back, because it was ahead, is believed at once.
 */
export const earlierNow: Effect.Effect<number> = Effect.zipWith(now, Clock.currentTimeMillis, Math.min)
