import { TokenBuckets } from "./TokenBuckets.ts"

/**
 * Which of the requests that are refused for their API token get a line in the log: enough to find a phone with a wrong
 * token, too few for strangers to fill the disk, however many addresses they have. The others are counted.
 */
export class RefusedLines {
  readonly #ofAddress = new TokenBuckets({ count: 10, per: MINUTE, burst: 10 }, 20_000)
  readonly #all = new TokenBuckets({ count: 60, per: MINUTE, burst: 60 })
  readonly #begun: () => void
  #untold = 0

  /** `begun` is called when there is something to tell again. */
  constructor(begun: () => void = () => {}) {
    this.#begun = begun
  }

  /** Whether this one has a line; `key` is its address, `now` in milliseconds. */
  mayTell(key: string, now: number): boolean {
    if (this.#all.wait("", now) === 0 && this.#ofAddress.take(key, now) === 0) {
      this.#all.take("", now)
      return true
    }
    if (this.#untold++ === 0) this.#begun()
    return false
  }

  /** A line about those without one, if there were any, and begins anew. */
  take(): ReadonlyArray<string> {
    const count = this.#untold
    this.#untold = 0
    return count === 0
      ? []
      : [
          `${count} more requests without a known API token were refused in the last minute, too many for a line each`
        ]
  }
}

const MINUTE = 60_000
