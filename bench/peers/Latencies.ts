/** What is told of many measured times, all in milliseconds. */
export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Measured times of one thing. */
export class Latencies {
  #values: Array<number> = []

  add(milliseconds: number): void {
    this.#values.push(milliseconds)
  }

  /** What was added so far, which is forgotten. */
  take(): Spread {
    const sorted = Float64Array.from(this.#values).sort()
    this.#values = []
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
    return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 }
  }
}
