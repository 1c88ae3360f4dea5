import type { CircuitOptions } from "./RestartCircuit.ts"

/** Times are milliseconds. */
export interface SupervisorOptions {
  /** Requests that may wait in one mailbox. */
  readonly capacity: number
  /** Messages an actor handles before others get their turn. */
  readonly turn: number
  /** Pause before a restart: doubling with each crash. */
  readonly backOff: { readonly least: number; readonly most: number }
  /** More crashes than this within `window` park the actor. */
  readonly intensity: { readonly crashes: number; readonly window: number }
  /** A parked actor is tried again after this. */
  readonly parkedFor: number
  readonly circuit: CircuitOptions
}

export const defaultOptions: SupervisorOptions = {
  capacity: 64,
  turn: 32,
  backOff: { least: 100, most: 10_000 },
  intensity: { crashes: 5, window: 60_000 },
  parkedFor: 15 * 60_000,
  circuit: {
    least: 20,
    fraction: 0.01,
    window: 10_000,
    survive: 5_000,
    pause: { least: 1_000, most: 30_000 },
    rate: 200
  }
}
