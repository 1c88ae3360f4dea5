/** A user has to wait: until when, and what Exchange said. */
export interface BackOff {
  readonly until: number
  readonly responseCode: string
}

/**
 * Who has to wait at which host, because Exchange asked for it: its budgets are per account (FACTS section 5). Times are
 * milliseconds of one clock that never goes back. At most `max` are kept; the one that was noted first makes room, and
 * Exchange tells it again.
 */
export class BackOffs {
  readonly #kept = new Map<string, BackOff>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** How many are kept, at most. Some may be over. */
  get size(): number {
    return this.#kept.size
  }

  /** undefined: may call. */
  find(user: string, host: string, now: number): BackOff | undefined {
    if (this.#kept.size === 0) return undefined
    const key = keyOf(user, host)
    const found = this.#kept.get(key)
    if (found === undefined || found.until > now) return found
    this.#kept.delete(key)
    return undefined
  }

  /** A wait that ends later than the one that is known replaces it. */
  begin(user: string, host: string, backOff: BackOff, now: number): void {
    const key = keyOf(user, host)
    if ((this.#kept.get(key)?.until ?? now) >= backOff.until) return
    this.#kept.delete(key)
    if (this.#kept.size >= this.#max) this.#forgetFirst()
    this.#kept.set(key, backOff)
  }

  #forgetFirst(): void {
    for (const key of this.#kept.keys()) {
      this.#kept.delete(key)
      return
    }
  }
}

const keyOf = (user: string, host: string) => `${user} ${host}`
