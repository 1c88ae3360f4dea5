/** Counts of durations in steps of a fifth (a quarter of an octave), from 1 ms to two minutes. Small, and merged by adding. */
export class LogHistogram {
  readonly #counts = new Uint32Array(STEPS)
  #total = 0

  /** `milliseconds`: what is shorter or longer counts as the shortest or longest. */
  add(milliseconds: number): void {
    this.#counts[stepOf(milliseconds)]! += 1
    this.#total += 1
  }

  addAll(other: LogHistogram): void {
    for (let step = 0; step < STEPS; step += 1) this.#counts[step]! += other.#counts[step]!
    this.#total += other.#total
  }

  clear(): void {
    this.#counts.fill(0)
    this.#total = 0
  }

  /** Milliseconds that this share (0 to 1) took at most, exact to a fifth; undefined if there is none. */
  quantile(share: number): number | undefined {
    if (this.#total === 0) return undefined
    const wanted = Math.max(1, Math.ceil(share * this.#total))
    let seen = 0
    for (let step = 0; step < STEPS; step += 1) {
      seen += this.#counts[step]!
      if (seen >= wanted) return Math.round(2 ** (step / PER_OCTAVE))
    }
    return undefined
  }
}

const PER_OCTAVE = 4
const STEPS = 17 * PER_OCTAVE + 1

const stepOf = (milliseconds: number): number =>
  milliseconds <= 1 ? 0 : Math.min(STEPS - 1, Math.ceil(Math.log2(milliseconds) * PER_OCTAVE))
