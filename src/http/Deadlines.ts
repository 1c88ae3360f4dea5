/**
 * Things that may wait only so long, all equally long: the oldest is always the first that is due, so neither adding,
 * removing nor looking costs more than a map entry, and no timer is armed for any of them. Who owns it calls `advance`
 * once a second.
 */
export class Deadlines<T> {
  readonly #due = new Map<T, number>()
  readonly #ticks: number
  #now = 0

  /** `milliseconds` an entry may wait at least; it is found due up to a second (and the last tick's delay) later. */
  constructor(milliseconds: number) {
    // One more, because the tick under way is already partly over.
    this.#ticks = Math.ceil(milliseconds / 1000) + 1
  }

  get size(): number {
    return this.#due.size
  }

  add(entry: T): void {
    this.#due.set(entry, this.#now + this.#ticks)
  }

  /** False if it is not, or no longer, in here. */
  remove(entry: T): boolean {
    return this.#due.delete(entry)
  }

  /** A second has passed: removes and hands over what is due. */
  advance(expired: (entry: T) => void): void {
    this.#now++
    for (const [entry, due] of this.#due) {
      if (due > this.#now) return
      this.#due.delete(entry)
      expired(entry)
    }
  }
}
