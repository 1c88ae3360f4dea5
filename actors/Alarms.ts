import { type Clock, Effect, Fiber, FiberId, Runtime, type Scope } from "effect"
import { cleanRuntime } from "./CleanRuntime.ts"
import { nextTurn } from "./NextTurn.ts"
import { nowOf } from "./Now.ts"

/** Something that is to happen unless it is cancelled before. */
export interface Alarm {
  readonly cancel: () => void
}

/**
 * Rings at points of time, exactly and not before: for deadlines of jobs, of which hardly any is ever reached. All share one
 * sleeping fiber; a race and a timer for each job would cost as much as the job. Setting an alarm costs the same however
 * many there are, as long as most are set in order of their times, and cancelling always does.
 */
export class Alarms {
  readonly #clock: Clock.Clock
  readonly #fork: (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>
  /** Both ends of a ring in which the entries stand by their times. */
  readonly #ends = new Entry(Number.NEGATIVE_INFINITY, () => {})
  #sleeper: Fiber.RuntimeFiber<void> | undefined
  #wakesAt = Number.POSITIVE_INFINITY
  #closed = false

  /** It ends with the scope: then no alarm rings any more. */
  static make: Effect.Effect<Alarms, never, Scope.Scope> = Effect.gen(function* () {
    const clock = yield* Effect.clock
    const runtime = yield* cleanRuntime<never>()
    return yield* Effect.acquireRelease(
      Effect.sync(() => new Alarms(clock, Runtime.runFork(runtime))),
      (alarms) => alarms.#close
    )
  })

  private constructor(clock: Clock.Clock, fork: (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>) {
    this.#clock = clock
    this.#fork = fork
  }

  /** Calls `ring` at `time` (milliseconds, on the line of Now.ts), never at once. It must not throw. */
  set(time: number, ring: () => void): Alarm {
    const entry = new Entry(time, ring)
    let before = this.#ends.previous
    while (before.time > time) before = before.previous
    entry.insertAfter(before)
    if (time < this.#wakesAt) this.#sleep()
    return entry
  }

  #sleep(): void {
    const { next } = this.#ends
    if (this.#closed || next === this.#ends) return
    const now = nowOf(this.#clock)
    this.#wakesAt = next.time
    this.#sleeper?.unsafeInterruptAsFork(FiberId.none)
    const sleeper = this.#fork(next.time > now ? Effect.sleep(next.time - now) : nextTurn)
    this.#sleeper = sleeper
    sleeper.addObserver(() => this.#woken(sleeper))
  }

  #woken(sleeper: Fiber.RuntimeFiber<void>): void {
    if (this.#sleeper !== sleeper) return
    this.#sleeper = undefined
    this.#wakesAt = Number.POSITIVE_INFINITY
    const now = nowOf(this.#clock)
    for (let first = this.#ends.next; first !== this.#ends && first.time <= now; first = this.#ends.next) {
      first.cancel()
      first.ring()
    }
    this.#sleep()
  }

  readonly #close = Effect.suspend(() => {
    const sleeper = this.#sleeper
    this.#closed = true
    this.#sleeper = undefined
    return sleeper === undefined ? Effect.void : Fiber.interrupt(sleeper)
  })
}

class Entry implements Alarm {
  readonly time: number
  readonly ring: () => void
  previous: Entry = this
  next: Entry = this

  constructor(time: number, ring: () => void) {
    this.time = time
    this.ring = ring
  }

  insertAfter(other: Entry): void {
    this.previous = other
    this.next = other.next
    other.next.previous = this
    other.next = this
  }

  cancel(): void {
    this.previous.next = this.next
    this.next.previous = this.previous
    this.previous = this
    this.next = this
  }
}
