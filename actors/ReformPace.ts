/** Lets so many a second go, and no more than one second's share at once; `now` in milliseconds of a clock that is never set. */
export class ReformPace {
  readonly #rate: number
  #left: number
  #at: number

  constructor(rate: number, now: number) {
    this.#rate = rate
    this.#left = rate
    this.#at = now
  }

  allows(now: number): boolean {
    this.#left = Math.min(Math.max(1, this.#rate), this.#left + ((now - this.#at) * this.#rate) / 1000)
    this.#at = now
    return this.#left >= 1
  }

  spend(): void {
    this.#left -= 1
  }
}
