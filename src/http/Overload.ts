import type { Lateness } from "../../layers/telemetry/EventLoopWatch.ts"

/**
 * How hard the process is pressed, so that it refuses work while it still can. Refused callbacks are repeated by Exchange
 * 30 s later, so shedding costs delay and no mail; taking everything would cost everybody the callback deadline.
 *
 * - `none`: everything is taken.
 * - `high`: what costs most is refused: callbacks that bring more than a heartbeat, requests of devices.
 * - `extreme`: callbacks are refused unread, heartbeats too.
 */
export type Pressure = "none" | "high" | "extreme"

/** When a `Latch` goes on and off. Times in milliseconds. */
export interface LatchLimits {
  /** On after `times` in a row of at least this lateness. */
  readonly above: number
  readonly times: number
  /** Off after `calm` in a row of less than this. */
  readonly below: number
  readonly calm: number
}

/** On or off, and how many measurements in a row have spoken for the other. */
export interface Latch {
  readonly on: boolean
  readonly count: number
}

/** Both levels. `extreme` counts only together with `high`. */
export interface Load {
  readonly high: Latch
  readonly extreme: Latch
}

const OFF: Latch = { on: false, count: 0 }
export const NO_LOAD: Load = { high: OFF, extreme: OFF }

/**
 * A single long pause (a garbage collection, a frozen machine) is no overload: what piled up is done as fast as usual, and
 * refusing it would only double it. Several turns of the loop in a row that are all late are one: more comes in than gets
 * done. 4 × 250 ms are a second, a tenth of the callback deadline. Half a second of calm (25 × 20 ms) ends it.
 */
export const HIGH: LatchLimits = { above: 250, times: 4, below: 50, calm: 25 }
export const EXTREME: LatchLimits = { above: 1000, times: 3, below: 250, calm: 10 }

/**
 * The load after one more measurement. What is late because the process got no processor raises nothing: others took it,
 * and it would not come back by refusing work. For the same reason it counts as calm where something is being refused:
 * who is starved for minutes must not refuse mails for minutes, since that costs subscriptions.
 */
export const loadAfter = (load: Load, { late, processor }: Lateness): Load => {
  const isStarved = late >= HIGH.below && processor < late / 4
  const after = (latch: Latch, limits: LatchLimits) => {
    if (!isStarved) return latchAfter(latch, late, limits)
    return latch.on ? latchAfter(latch, 0, limits) : latch
  }
  return { high: after(load.high, HIGH), extreme: after(load.extreme, EXTREME) }
}

export const latchAfter = ({ count, on }: Latch, lateness: number, limits: LatchLimits): Latch => {
  const speaksAgainst = on ? lateness < limits.below : lateness >= limits.above
  if (!speaksAgainst) return { on, count: 0 }
  return count + 1 >= (on ? limits.calm : limits.times) ? { on: !on, count: 0 } : { on, count: count + 1 }
}

export const pressureOf = ({ extreme, high }: Load): Pressure =>
  extreme.on ? "extreme" : high.on ? "high" : "none"

/** Callbacks in hand above which another one is refused; half of them for those that bring work. */
export const IN_HAND_MAX = 20_000
/** Bytes of bodies being read above which another callback is refused. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024

/** Whether a callback is refused before anything of it is read. */
export const refusesUnread = (pressure: Pressure, inHand: number, bodyBytes: number): boolean =>
  pressure === "extreme" || inHand >= IN_HAND_MAX || bodyBytes > BODY_BYTES_MAX

/** Whether work is refused that goes on after it was read: Exchange is asked, gateways are used. */
export const refusesWork = (pressure: Pressure, inHand: number): boolean =>
  pressure !== "none" || inHand >= IN_HAND_MAX / 2
