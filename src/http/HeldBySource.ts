/**
 * How many callbacks of each source address, or with each URL, are being held. Exchange opens only so many connections to
 * us; a source whose callbacks all wait for mail details would keep its own next ones out.
 */
export class HeldBySource {
  readonly #held = new Map<string, number>()

  /** How many are held of this source. */
  of(source: string): number {
    return this.#held.get(source) ?? 0
  }

  enter(source: string): void {
    this.#held.set(source, this.of(source) + 1)
  }

  leave(source: string): void {
    const held = this.of(source) - 1
    if (held > 0) this.#held.set(source, held)
    else this.#held.delete(source)
  }

  /** Sources with at least one held. */
  get size(): number {
    return this.#held.size
  }
}
