import { Clock, Duration, Effect } from "effect"

/**
 * A clock for property tests, which move it thousands of times: unlike TestClock it does not wait real milliseconds
 * before each step. Use with `Effect.withClock`.
 */
export class ManualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  private now = 0
  private sleepers: Array<{ readonly at: number; readonly wake: () => void }> = []
  /** How many sleeps ended. */
  wakeUps = 0
  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  unsafeCurrentTimeMillis(): number {
    return this.now
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(Math.floor(this.now * 1e6))
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const sleeper = { at: this.now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      this.sleepers.push(sleeper)
      return Effect.sync(() => {
        this.sleepers = this.sleepers.filter((other) => other !== sleeper)
      })
    })
  }

  /** Moves on by `ms`, from sleep to sleep, letting all fibers run after each. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms
    await turns()
    for (let next = this.first(end); next !== undefined; next = this.first(end)) {
      this.now = Math.max(this.now, next.at)
      this.sleepers = this.sleepers.filter((other) => other !== next)
      this.wakeUps++
      next.wake()
      await turns()
    }
    this.now = end
  }

  private first(end: number) {
    return this.sleepers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
  }
}

/** Long enough for everything that can run without the clock. */
export const turns = async (): Promise<void> => {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
}
