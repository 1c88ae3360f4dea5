import { Clock, Effect } from "effect"

/** From now on: how many of so many milliseconds are left, whenever it is asked. Not moved by a clock that is set. */
export const timeLeft = (milliseconds: number): Effect.Effect<Effect.Effect<number>> =>
  Effect.map(Clock.currentTimeNanos, (begun) =>
    Effect.map(Clock.currentTimeNanos, (now) => milliseconds - Number((now - begun) / 1_000_000n))
  )
