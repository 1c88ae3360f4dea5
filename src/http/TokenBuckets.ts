import type { Rate } from "../../schemas/Settings.ts"

/**
 * A token bucket for each key: `burst` at once, and `count` in `per` milliseconds on average. Kept as one number a key, the
 * time at which its bucket is full again (the generic cell rate algorithm, ITU-T I.371). At most `most` keys are remembered:
 * those not used for longest are forgotten, which gives them a full bucket. Milliseconds of one clock; no timers.
 */
export class TokenBuckets {
  readonly #interval: number
  readonly #depth: number
  readonly #half: number
  #recent = new Map<string, number>()
  #former = new Map<string, number>()

  /** Without a rate everything is let through. */
  constructor(rate: Rate | undefined, most = 100_000) {
    this.#interval = rate === undefined ? 0 : rate.per / rate.count
    this.#depth = rate === undefined ? 0 : this.#interval * rate.burst
    this.#half = Math.max(1, Math.floor(most / 2))
  }

  /** Takes one; 0 = it was there, else nothing is taken, and the answer says in how many milliseconds there is one. */
  take(key: string, now: number): number {
    if (this.#interval === 0) return 0
    const full = Math.max(this.#fullAt(key, now), now) + this.#interval
    const wait = full - now - this.#depth
    if (wait > ROUNDING) return wait
    this.#set(key, full)
    return 0
  }

  /** The same without taking: in how many milliseconds there is one; 0 = now. */
  wait(key: string, now: number): number {
    if (this.#interval === 0) return 0
    const wait = Math.max(this.#fullAt(key, now), now) + this.#interval - now - this.#depth
    return wait > ROUNDING ? wait : 0
  }

  /** Puts one back that turned out to be no use of what is limited. */
  giveBack(key: string, now: number): void {
    if (this.#interval === 0) return
    const full = this.#fullAt(key, now) - this.#interval
    if (full > now) this.#set(key, full)
    else {
      this.#recent.delete(key)
      this.#former.delete(key)
    }
  }

  /** Keys remembered. */
  get size(): number {
    return this.#recent.size + this.#former.size
  }

  #fullAt(key: string, now: number): number {
    const full = this.#recent.get(key) ?? this.#former.get(key) ?? 0
    // Only a clock that was set back leads there, and nobody is to be locked out for as long as it was ahead.
    return full > now + this.#depth + ROUNDING ? 0 : full
  }

  #set(key: string, full: number): void {
    this.#former.delete(key)
    this.#recent.set(key, full)
    if (this.#recent.size < this.#half) return
    this.#former = this.#recent
    this.#recent = new Map()
  }
}

/** Milliseconds; what adding fractions of milliseconds may be off. */
const ROUNDING = 1e-3
