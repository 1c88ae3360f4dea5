import { Clock, Duration, Effect } from "effect"

/**
 * A clock that moves in steps of the test's choice, so that two weeks pass in as many steps as one wants: whoever sleeps
 * wakes at the end of the step in which its time came. Use with `Effect.withClock`.
 */
export class StepClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  #now: number
  /** By how much the wall clock was set forward (ms); what is measured with the monotonic clock does not notice. */
  wallOffset = 0
  readonly #sleepers = new Set<{ readonly at: number; readonly wake: () => void }>()
  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  constructor(start: number) {
    this.#now = start
  }

  get now(): number {
    return this.#now
  }

  unsafeCurrentTimeMillis(): number {
    return this.#now + this.wallOffset
  }

  unsafeCurrentTimeNanos(): bigint {
    // As on a real clock, a millisecond is hardly ever whole.
    return BigInt(this.#now) * 1_000_000n + 345_678n
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const sleeper = { at: this.#now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      this.#sleepers.add(sleeper)
      return Effect.sync(() => {
        this.#sleepers.delete(sleeper)
      })
    })
  }

  /** Moves on by `ms` in steps of at most `step` ms, letting everything that can run do so after each. */
  advance(ms: number, step = 1_000): Effect.Effect<void> {
    return Effect.promise(async () => {
      const end = this.#now + ms
      await turns()
      while (this.#now < end) {
        this.#now = Math.min(end, this.#now + step)
        const due = [...this.#sleepers].filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at)
        for (const sleeper of due) {
          this.#sleepers.delete(sleeper)
          sleeper.wake()
        }
        await turns()
      }
    })
  }
}

/** Long enough for everything that can run without the clock. */
const turns = async (): Promise<void> => {
  for (let i = 0; i < 12; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Lets everything that can run without the clock do so. */
export const settled: Effect.Effect<void> = Effect.promise(turns)
