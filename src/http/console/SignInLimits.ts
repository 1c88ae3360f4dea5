/** Failed sign-ins within a minute: from one source address, and from all together. */
export const PER_SOURCE = 10
export const IN_ALL = 60
const WINDOW = 60_000

/**
 * Bounds failed sign-ins. A token cannot be guessed; this keeps storage and audit from being flooded. Who has a right one is
 * not to be kept out by it. Plain state of at most `IN_ALL` sources; `now`: milliseconds of one clock.
 */
export class SignInLimits {
  #since = 0
  #all = 0
  readonly #bySource = new Map<string, number>()
  readonly #refused = new Set<string>()

  /** Milliseconds that this source has to wait; 0 = it may try now. */
  wait(source: string, now: number): number {
    if (now - this.#since >= WINDOW || now < this.#since) {
      this.#since = now
      this.#all = 0
      this.#bySource.clear()
      this.#refused.clear()
    }
    const many = this.#all >= IN_ALL || (this.#bySource.get(source) ?? 0) >= PER_SOURCE
    return many ? this.#since + WINDOW - now : 0
  }

  /** To be called before the token is looked up, so that many at once count, too. */
  tried(source: string): void {
    this.#all += 1
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1)
  }

  /**
   * Whether this is the first within the minute that this source is refused unseen: worth recording, others are not. Once
   * all together have failed too often, one source stands for all that come then.
   */
  isFirstRefused(source: string): boolean {
    const key = this.#all >= IN_ALL ? "" : source
    if (this.#refused.has(key)) return false
    this.#refused.add(key)
    return true
  }

  /** The token was right: it does not count. */
  succeeded(source: string): void {
    this.#all = Math.max(0, this.#all - 1)
    this.#bySource.delete(source)
  }
}
