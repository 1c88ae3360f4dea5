/** When unknown or forged callbacks are too many to be believed (contract section 3, "Answering"). */
export interface MassGuardLimits {
  /** More different ones than this … */
  readonly distinct: number
  /** … that are also more than this share of all callbacks … */
  readonly share: number
  /** … within this many seconds. */
  readonly seconds: number
}

const LIMITS: MassGuardLimits = { distinct: 20, share: 0.05, seconds: 60 }

/**
 * Tells a stray callback from a mistake of ours. `Unsubscribe` cannot be taken back, so when unknown or forged callbacks
 * come in masses (a restored backup, a wrong master key, a proxy that rewrites URLs) they get 503 instead. On as soon as
 * the limits are passed, off again after a window with no more than `distinct` different ones; each time it goes on is
 * one episode. Anybody can turn it on by sending forged ones; what others lose by that is that an old subscription whose
 * user is gone hears 503 until Exchange gives it up, in place of `Unsubscribe` at once. All times are milliseconds, from whatever clock the caller keeps to; bounded memory, no timers.
 */
export class MassGuard {
  readonly #limits: MassGuardLimits
  readonly #all: Window
  readonly #suspects: Window
  /** Hash of a suspect to the second it was last seen in, oldest first. */
  readonly #distinct = new Map<number, number>()
  #on = false
  #episodes = 0

  constructor(limits: MassGuardLimits = LIMITS) {
    this.#limits = limits
    this.#all = new Window(limits.seconds)
    this.#suspects = new Window(limits.seconds)
  }

  /** Counts a callback of any kind. To be called for every one, suspects too. */
  seen(now: number): void {
    this.#all.add(second(now))
  }

  /**
   * Counts an unknown or forged callback; `key` tells different ones apart. True: answer 503 in place of `Unsubscribe`.
   */
  suspect(key: string, now: number): boolean {
    const at = this.#suspects.add(second(now))
    const hash = fnv1a(key)
    this.#distinct.delete(hash)
    this.#distinct.set(hash, at)
    if (this.#distinct.size > 2 * this.#limits.distinct) this.#forgetOldest()
    return this.isOn(now)
  }

  /** Whether suspects are being withheld at `now`. */
  isOn(now: number): boolean {
    const at = this.#suspects.moveTo(second(now))
    for (const [hash, last] of this.#distinct) {
      if (last > at - this.#limits.seconds) break
      this.#distinct.delete(hash)
    }
    const many = this.#distinct.size > this.#limits.distinct
    if (this.#on) {
      this.#on = many
    } else if (many && this.#suspects.sum > this.#limits.share * this.#all.sumAt(at)) {
      this.#on = true
      this.#episodes++
    }
    return this.#on
  }

  /** How often it went on so far: one alarm for each. */
  get episodes(): number {
    return this.#episodes
  }

  #forgetOldest() {
    const oldest = this.#distinct.keys().next()
    if (oldest.done !== true) this.#distinct.delete(oldest.value)
  }
}

/** A count over the last so many seconds, one slot a second. */
class Window {
  readonly #slots: Uint32Array
  #latest = 0
  sum = 0

  constructor(seconds: number) {
    this.#slots = new Uint32Array(seconds)
  }

  /** Counts one; answers the second that it was counted in. */
  add(at: number): number {
    const latest = this.moveTo(at)
    this.#slots[latest % this.#slots.length]!++
    this.sum++
    return latest
  }

  sumAt(at: number): number {
    this.moveTo(at)
    return this.sum
  }

  /** A clock that was set back a little counts in the latest second; one set back by a window or more starts anew. */
  moveTo(at: number): number {
    const size = this.#slots.length
    if (at === this.#latest || (at < this.#latest && at > this.#latest - size)) return this.#latest
    if (at >= this.#latest + size || at < this.#latest) {
      this.#slots.fill(0)
      this.sum = 0
    } else {
      for (let passed = this.#latest + 1; passed <= at; passed++) {
        this.sum -= this.#slots[passed % size]!
        this.#slots[passed % size] = 0
      }
    }
    this.#latest = at
    return at
  }
}

const second = (now: number): number => Math.floor(now / 1000)

/** FNV-1a, 32 bits: enough to tell some tens of suspects apart; a collision only makes the guard a little slower. */
const fnv1a = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length && i < 256; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}
