import { writeFileSync } from "node:fs"

/** What `Preload.ts` does to the service's process: changed while it runs, and kept over restarts. */
export interface Tampering {
  /** Milliseconds by which the wall clock is wrong. The monotonic clock goes on. */
  readonly clock: number
  /** Milliseconds that each commit takes longer. */
  readonly commit: number
}

export const UNTOUCHED: Tampering = { clock: 0, commit: 0 }

/** How often the service's process looks (ms). */
export const LOOKS_EVERY = 50

/** The variable that names the file. */
export const TAMPERING_FILE = "CHAOS_TAMPERING_FILE"

export const tamper = (file: string, tampering: Tampering): void =>
  writeFileSync(file, JSON.stringify(tampering))
