/** A question that is answered with a table. */
export interface Bench {
  readonly name: string
  /** One line: what is measured, against what. */
  readonly about: string
  readonly run: (options: BenchOptions) => Promise<ReadonlyArray<object>>
}

export interface BenchOptions {
  /** Size of the problem; each bench has its own default. */
  readonly n?: number | undefined
}
