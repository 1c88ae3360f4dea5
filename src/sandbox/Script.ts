/** Something that goes wrong by script, so many times; without `times` until cleared. */
export interface Scripted {
  readonly times?: number | undefined
}

/** What is still to go wrong, in the order it was scripted. */
export class Script<F extends Scripted> {
  readonly #waiting: Array<{ readonly fault: F; left: number }> = []

  add(fault: F): void {
    this.#waiting.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY })
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift()
  }

  clear(): void {
    this.#waiting.length = 0
  }

  /** The oldest that applies; one of its times is used up. */
  take<G extends F>(applies: (fault: F) => fault is G): G | undefined
  take(applies: (fault: F) => boolean): F | undefined
  take(applies: (fault: F) => boolean): F | undefined {
    const entry = this.#waiting.find((one) => applies(one.fault))
    if (entry === undefined) return undefined
    entry.left -= 1
    if (entry.left <= 0) this.#waiting.splice(this.#waiting.indexOf(entry), 1)
    return entry.fault
  }
}

const MAX_WAITING = 1000
