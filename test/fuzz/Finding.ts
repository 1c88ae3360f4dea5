import { createHash } from "node:crypto"

/** An input that a parser does not bear. */
export interface Finding {
  readonly target: string
  readonly kind: "broken" | "thrown" | "slow" | "hang" | "memory" | "crash"
  readonly what: string
  readonly input: Uint8Array
}

/** What one target has come to. */
export interface Figures {
  readonly target: string
  readonly inputs: number
  readonly seconds: number
  readonly seeds: number
  readonly corpus: number
  /** Pieces of code seen, see `Coverage`. */
  readonly reached: number
  /** Milliseconds of processor time that the slowest input took, in the best of three goes. */
  readonly slowest: number
  readonly slowestBytes: number
  /** Bytes after a collection, at 10,000 inputs (or a tenth of all) and at the end. */
  readonly heapBefore: number
  readonly heapAfter: number
}

/** What the worker tells the one who watches it. */
export type Message =
  | { readonly _tag: "Finding"; readonly finding: Finding }
  | { readonly _tag: "Kept"; readonly target: string; readonly input: Uint8Array }
  | { readonly _tag: "Done"; readonly figures: Figures }

/** The name of an input's file. */
export const nameOf = (input: Uint8Array): string =>
  createHash("sha256").update(input).digest("hex").slice(0, 16)
