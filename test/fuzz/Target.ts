/** What inputs look like: which structure the mutator may tear at. */
export type Form = "xml" | "json" | "der" | "text" | "binary"

/** A parser under test. */
export interface Target {
  readonly name: string
  readonly form: Form
  /** Inputs from which others are made; all of them must be taken well. */
  readonly seeds: () => ReadonlyArray<Seed>
  /** Words of the format, to be thrown in. */
  readonly words: ReadonlyArray<string>
  /** Bytes of the longest input that is made, default 16 KB; a few are made much longer. */
  readonly longest?: number
  /** Gives the real code one input. Whatever is thrown is a finding: `Broken` for what it promises and does not keep. */
  readonly run: (input: Buffer) => void | Promise<void>
}

/** A first input. */
export interface Seed {
  readonly bytes: Buffer
  /** Made here, from no one else's text: what comes of it may be kept in the repository. */
  readonly own: boolean
}

export const own = (...texts: ReadonlyArray<string | Buffer>): ReadonlyArray<Seed> =>
  texts.map((text) => ({ bytes: Buffer.from(text), own: true }))

/** A promise that the code did not keep. */
export class Broken extends Error {}

export const check = (holds: boolean, promise: string): void => {
  if (!holds) throw new Broken(promise)
}

/** Whether a text may stand in a log line or a page: bounded, and of one line. */
export const checkWords = (text: string, what: string, longest = 400): void => {
  check(text.length <= longest, `${what} has at most ${longest} characters`)
  check(!/\p{Cc}/u.test(text), `${what} has no control characters`)
}
