/** Something that goes wrong by script: so many times, for so many seconds, or until cleared. */
export interface Scripted {
  readonly times?: number | undefined
  readonly seconds?: number | undefined
}

/** What is still to go wrong, in the order it was scripted. */
export class Script<F extends Scripted> {
  readonly #waiting: Array<{ readonly fault: F; readonly endsAt: number; left: number }> = []

  add(fault: F): void {
    const forever = Number.POSITIVE_INFINITY
    const endsAt = fault.seconds === undefined ? forever : performance.now() + fault.seconds * 1000
    this.#waiting.push({ fault, endsAt, left: fault.times ?? forever })
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift()
  }

  clear(): void {
    this.#waiting.length = 0
  }

  /** The oldest that applies; one of its times is used up. */
  take<G extends F>(applies: (fault: F) => fault is G): G | undefined
  take(applies: (fault: F) => boolean): F | undefined
  take(applies: (fault: F) => boolean): F | undefined {
    const now = performance.now()
    const entry = this.#waiting.find((one) => one.endsAt > now && applies(one.fault))
    if (entry === undefined) return undefined
    entry.left -= 1
    if (entry.left <= 0) this.#waiting.splice(this.#waiting.indexOf(entry), 1)
    return entry.fault
  }

  /** Milliseconds for which this one still goes on; undefined if no end is set, or it is over. */
  remaining(fault: F): number | undefined {
    const endsAt = this.#waiting.find((one) => one.fault === fault)?.endsAt
    return endsAt === undefined || endsAt === Number.POSITIVE_INFINITY
      ? undefined
      : Math.max(0, Math.ceil(endsAt - performance.now()))
  }
}

const MAX_WAITING = 1000
