import { type PerformanceEntry, PerformanceObserver, performance } from "node:perf_hooks"
import { Effect, Metric, Schedule, type Scope } from "effect"
import { gcPause, loopDelay, loopLongest, loopStalls } from "./EventLoopMetrics.ts"
import { GcKinds, type Pause, type Stall, storyOf } from "./Stall.ts"

/** Milliseconds between two looks at the clock. Fifty a second cost 0.03 % of a processor. */
export const LOOK_EVERY = 20
/** The loop stands still: worth a line in the log. Milliseconds. */
const STALL = 1000
/** Collections that may explain one, and how many of them are remembered. */
const LONG_PAUSE = 50
const PAUSES_MAX = 100
/** After a day without processor (a suspended machine) a few thousand samples say as much as millions. */
const SAMPLES_MAX = 5000

/** How late the event loop came to a timer, and what this thread had of a processor since the look before; both ms. */
export interface Lateness {
  readonly late: number
  readonly processor: number
}

/**
 * Measures how late the event loop comes to a timer, which is how long everything that comes in waits for its turn, and
 * tells `heard` each time. Keeps the metrics of event loop and garbage collection, and warns of
 * standstills with the likely cause, at most once in ten seconds.
 *
 * A timer of its own and not `monitorEventLoopDelay`, because whoever sheds load must hear of each measurement at once, and
 * numbers that come from one place agree. The clock is the machine's: no test clock makes a loop late.
 */
export const make = (heard: (lateness: Lateness) => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const watch = new Watch(heard)
    yield* Effect.acquireRelease(
      Effect.sync(() => watch.start()),
      () => Effect.sync(() => watch.stop())
    )
    yield* Effect.forkScoped(Effect.schedule(watch.report, Schedule.spaced("1 second")))
  })

/** Not in Node's types: https://nodejs.org/api/perf_hooks.html, "Garbage Collection ('gc') Details". */
type Collection = PerformanceEntry & { readonly detail: { readonly kind: number } }

class Watch {
  readonly #heard: (lateness: Lateness) => void
  readonly #observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as Array<Collection>) this.#collected(entry)
  })
  #timer: NodeJS.Timeout | undefined
  #due = 0
  #processor = 0
  #stall: Stall | undefined
  /** Long collections since the last report. */
  #pauses: Array<Pause> = []
  /** The longest of this half minute and of the one before, so that no scrape misses one. */
  #longest: [number, number] = [0, 0]
  #seconds = 0
  #silentUntil = 0

  constructor(heard: (lateness: Lateness) => void) {
    this.#heard = heard
  }

  start(): void {
    this.#observer.observe({ entryTypes: ["gc"] })
    this.#rest()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#observer.disconnect()
  }

  /** To be run once a second. */
  readonly report = Effect.suspend(() => {
    if (++this.#seconds % 30 === 0) this.#longest = [0, this.#longest[0]]
    const longest = Metric.set(loopLongest, Math.max(...this.#longest) / 1000)
    const stall = this.#stall
    if (stall === undefined || this.#seconds < this.#silentUntil) return longest
    // Node tells of a collection a moment after it.
    if (performance.now() - stall.began - stall.milliseconds < 100) return longest
    const story = storyOf(stall, this.#pauses)
    this.#stall = undefined
    this.#pauses = []
    this.#silentUntil = this.#seconds + 10
    return Effect.zipRight(longest, Effect.logWarning(story))
  })

  #rest(): void {
    this.#due = performance.now() + LOOK_EVERY
    this.#processor = processorTime()
    this.#timer = setTimeout(() => this.#look(), LOOK_EVERY).unref()
  }

  #look(): void {
    const now = performance.now()
    const late = Math.max(0, now - this.#due)
    // Whoever came during the pause would have waited for what was left of it.
    let samples = 0
    for (let left = late; samples === 0 || (left > 0 && samples < SAMPLES_MAX); left -= LOOK_EVERY) {
      loopDelay.unsafeUpdate(left / 1000, [])
      samples++
    }
    this.#longest[0] = Math.max(this.#longest[0], late)
    const processor = processorTime() - this.#processor
    if (late >= STALL) this.#note(late, now, processor)
    this.#heard({ late, processor })
    this.#rest()
  }

  #collected({ detail, duration, startTime }: Collection): void {
    gcPause(GcKinds.get(detail.kind)).unsafeUpdate(duration / 1000, [])
    if (duration < LONG_PAUSE) return
    this.#pauses.push({ began: startTime, milliseconds: duration })
    if (this.#pauses.length > PAUSES_MAX) this.#pauses.shift()
  }

  #note(late: number, now: number, processor: number): void {
    loopStalls.unsafeUpdate(1, [])
    const before = this.#stall
    if (before !== undefined && before.milliseconds >= late) before.others++
    else {
      this.#stall = {
        began: now - late,
        milliseconds: late,
        processor,
        others: before === undefined ? 0 : before.others + 1
      }
    }
  }
}

/** Milliseconds of processor that this thread has had. */
const processorTime = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}
