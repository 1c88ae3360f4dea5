import type { AnswerMode } from "./SqliteStatements.ts"

/** What the service asks of the writer thread. `transaction` 0 = none; numbers are never used twice. */
export type WriteRequest = { readonly id: number } & WriteOrder

export type WriteOrder =
  | {
      readonly _tag: "Run"
      readonly transaction: number
      readonly sql: string
      readonly parameters: ReadonlyArray<unknown>
      readonly mode: AnswerMode
    }
  /** Outside of any transaction, for statements that SQLite does not allow in one. */
  | { readonly _tag: "RunAlone"; readonly sql: string; readonly transaction: 0 }
  | { readonly _tag: "Begin" | "Commit" | "Rollback"; readonly transaction: number }

/** A failure as it crosses the thread boundary. `code` is SQLite's result code, 0 when the failure is not SQLite's. */
export interface WriteFailure {
  readonly message: string
  readonly code: number
}

export type WriteReply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: WriteFailure }

/** From the service to the thread: a batch of requests, or the order to end. */
export type ToWriter = ReadonlyArray<WriteRequest> | "close"
export type FromWriter = ReadonlyArray<WriteReply>
