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
  /** How long to keep it up, where a bench lasts as long as one likes. */
  readonly minutes?: number | undefined
  /** Of the load model, where there is one; 1 = all of it. */
  readonly share?: number | undefined
  /** Names of the phases to run, where a bench has some; absent = all. */
  readonly only?: ReadonlyArray<string> | undefined
}
