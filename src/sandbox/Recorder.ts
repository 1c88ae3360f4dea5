/** Newest entries of something that never ends; the oldest fall out. */
export class Recorder<A> {
  readonly #entries: Array<A> = []
  readonly #limit: number
  readonly #listeners = new Set<(entry: A) => void>()
  #total = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(entry: A): void {
    this.#total += 1
    this.#entries.push(entry)
    if (this.#entries.length > this.#limit) this.#entries.shift()
    for (const listener of [...this.#listeners]) listener(entry)
  }

  /** Called with every entry as it is added, for those who want them all; answers how to stop. */
  listen(listener: (entry: A) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Oldest first. */
  all(): ReadonlyArray<A> {
    return [...this.#entries]
  }

  /** How many were ever added. */
  get total(): number {
    return this.#total
  }

  clear(): void {
    this.#entries.length = 0
  }
}
