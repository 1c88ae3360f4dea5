import type { Clock } from "effect"

/** From now on: how many of so many milliseconds are left, whenever it is asked. Not moved by a clock that is set. */
export const timeLeft = (clock: Clock.Clock, milliseconds: number): (() => number) => {
  const begun = clock.unsafeCurrentTimeNanos()
  return () => milliseconds - Number((clock.unsafeCurrentTimeNanos() - begun) / 1_000_000n)
}
