import { type Clock, Effect } from "effect"

/**
 * Milliseconds of a clock that is never set: the wall clock when the process started, and what has passed since. Every
 * time that an actor compares is on this line; storage gets it as milliseconds since 1970.
 */
export const nowOf = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)

export const now: Effect.Effect<number> = Effect.clockWith((clock) => Effect.sync(() => nowOf(clock)))
