import { constants } from "node:perf_hooks"

/** On the clock of `performance.now()`; all in milliseconds. */
export interface Pause {
  readonly began: number
  readonly milliseconds: number
}

/** A time in which the event loop did nothing for anybody. */
export interface Stall extends Pause {
  /** What this thread had of a processor meanwhile. */
  readonly processor: number
  /** Shorter ones since the last report. */
  others: number
}

/** Names of what `PerformanceObserver` tells of garbage collections. */
export const GcKinds: ReadonlyMap<number, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weak"]
])

/** The line that tells an operator of a standstill: how long, and what it most likely was. */
export const storyOf = (stall: Stall, collections: ReadonlyArray<Pause>): string => {
  const more = stall.others === 0 ? "" : `, and ${stall.others} shorter ones`
  return `the event loop stood still for ${seconds(stall.milliseconds)}${more}: ${causeOf(stall, collections)}`
}

const causeOf = (stall: Stall, collections: ReadonlyArray<Pause>): string => {
  const half = stall.milliseconds / 2
  const gc = collections.reduce((sum, collection) => sum + overlap(stall, collection), 0)
  if (gc >= half) return `garbage collection took ${seconds(gc)}`
  return stall.processor < half
    ? `the process had a processor for ${seconds(stall.processor)} only; the machine is overloaded, swaps, or was suspended`
    : `ENS was busy for ${seconds(stall.processor)}`
}

const overlap = (a: Pause, b: Pause): number =>
  Math.max(0, Math.min(a.began + a.milliseconds, b.began + b.milliseconds) - Math.max(a.began, b.began))

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`
