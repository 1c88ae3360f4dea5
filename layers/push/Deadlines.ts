import { Effect, type Scope } from "effect"

/** Ends what takes too long; all of it has the same time. */
export interface Deadlines {
  /** Calls `end` when the time is over, unless the returned function is called before. */
  readonly watch: (end: () => void) => () => void
}

/**
 * One fiber looks after all that is under way, because a timer and a race for each request would cost more than sending
 * it. What takes longer than `timeout` milliseconds is ended soon after, at most an eighth later.
 */
export const make = Effect.fnUntraced(function* (
  timeout: number
): Effect.fn.Return<Deadlines, never, Scope.Scope> {
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
  // In order of their ends, because all have the same time.
  const watched = new Set<{ readonly endsAt: number; readonly end: () => void }>()
  const sweep = Effect.sync(() => {
    const time = now()
    for (const one of watched) {
      if (one.endsAt > time) break
      watched.delete(one)
      one.end()
    }
  })
  yield* Effect.forkScoped(Effect.forever(Effect.delay(sweep, timeout / 8)))
  return {
    watch: (end) => {
      const one = { endsAt: now() + timeout, end }
      watched.add(one)
      return () => watched.delete(one)
    }
  }
})
