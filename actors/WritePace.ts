/** Users that are written in a second, at most: a backlog of a million is gone in 40 seconds, and others have their turn. */
const RATE = 25_000
/** Users that are written together. */
const LEAST = 1_000
const MOST = 10_000

/** Users who find out whether storage is back. */
export const PROBE = 100

/**
 * How much is written at once, and when to go on. A storage that takes its time with a commit gets more with each, so that
 * the rate stays the same. Plain state; times in milliseconds.
 */
export class WritePace {
  #room = LEAST

  /** So many users go together next. */
  get room(): number {
    return this.#room
  }

  /** So many were written in this time; answers how long to rest. */
  wrote(users: number, took: number): number {
    this.#room = Math.min(MOST, Math.max(LEAST, Math.floor((took * RATE) / 1000)))
    return Math.max(0, (users * 1000) / RATE - took)
  }
}
