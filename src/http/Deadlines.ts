/** Something that may wait only so long; to be extended by what does. It waits in one `Deadlines` at a time. */
export class Deadline {
  /** The business of `Deadlines`, all three. Neighbours are undefined while it does not wait. */
  due = 0
  before: Deadline | undefined = undefined
  after: Deadline | undefined = undefined
}

/**
 * Things that may wait only so long, all equally long: the oldest is always the first that is due, so they form a queue
 * from which any may leave. Neither adding, removing nor looking costs more than some assignments, and no timer is armed
 * for any of them. Who owns it calls `advance` once a second.
 */
export class Deadlines<T extends Deadline> {
  /** Before the oldest and after the newest. */
  readonly #ends = new Deadline()
  readonly #ticks: number
  #now = 0
  #size = 0

  /** `milliseconds` an entry may wait at least; it is found due up to a second (and the last tick's delay) later. */
  constructor(milliseconds: number) {
    // One more, because the tick under way is already partly over.
    this.#ticks = Math.ceil(milliseconds / 1000) + 1
    this.#ends.before = this.#ends
    this.#ends.after = this.#ends
  }

  get size(): number {
    return this.#size
  }

  add(entry: T): void {
    const newest = this.#ends.before!
    entry.due = this.#now + this.#ticks
    entry.before = newest
    entry.after = this.#ends
    newest.after = entry
    this.#ends.before = entry
    this.#size++
  }

  /** False if it is not, or no longer, in here. */
  remove(entry: T): boolean {
    const { after, before } = entry
    if (after === undefined || before === undefined) return false
    before.after = after
    after.before = before
    entry.after = undefined
    entry.before = undefined
    this.#size--
    return true
  }

  /** A second has passed: removes and hands over what is due. */
  advance(expired: (entry: T) => void): void {
    this.#now++
    for (let oldest = this.#ends.after!; oldest !== this.#ends; oldest = this.#ends.after!) {
      if (oldest.due > this.#now) return
      // Only `add` puts entries in, and it takes no others.
      this.remove(oldest as T)
      expired(oldest as T)
    }
  }

  /** Removes and hands over everything, due or not. */
  clear(handOver: (entry: T) => void): void {
    for (let oldest = this.#ends.after!; oldest !== this.#ends; oldest = this.#ends.after!) {
      this.remove(oldest as T)
      handOver(oldest as T)
    }
  }
}
