/** Numbers that look like chance and are the same for the same seed (mulberry32), so that a run can be had again. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, but not including 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least)
  }

  /** A whole number from 0 up to, but not including `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  happens(probability: number): boolean {
    return this.next() < probability
  }

  pick<A>(list: ReadonlyArray<A>): A {
    return list[this.below(list.length)]!
  }

  /** The list in another order; the first few of it are a sample. */
  shuffled<A>(list: ReadonlyArray<A>): ReadonlyArray<A> {
    const cards = [...list]
    for (let last = cards.length - 1; last > 0; last--) {
      const other = this.below(last + 1)
      const card = cards[last]!
      cards[last] = cards[other]!
      cards[other] = card
    }
    return cards
  }

  /** One whose numbers do not depend on how many of ours are used later. */
  branch(): Random {
    return new Random(this.below(2 ** 32))
  }
}
