import type { SqlClient } from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { Statement } from "@effect/sql/Statement"
import { Effect } from "effect"
import { StorageError } from "../../../schemas/StorageError.ts"
import * as MssqlTrouble from "../mssql/MssqlTrouble.ts"
import { SqliteFailure } from "../SqliteWriter.ts"
import type { Storage } from "../Storage.ts"

export type StorageShape = typeof Storage.Service

/** Names a method's failures. */
export const operation =
  (name: keyof StorageShape) =>
  <A>(effect: Effect.Effect<A, SqlError | StorageError>): Effect.Effect<A, StorageError> =>
    Effect.catchTag(effect, "SqlError", (error) => Effect.fail(storageError(name, error)))

/**
 * A method of several statements: all or nothing. A caller that is interrupted goes on at once; the transaction ends
 * behind it.
 */
export const transaction =
  (sql: SqlClient, name: keyof StorageShape) =>
  <A>(effect: Effect.Effect<A, SqlError | StorageError>): Effect.Effect<A, StorageError> =>
    Effect.disconnect(operation(name)(sql.withTransaction(effect)))

/**
 * So many statements of a transaction wait for each other: enough to go to SQLite's writer together. Each that ends wakes all
 * that wait, so that without a bound the work grows with the square of their number.
 */
export const AT_ONCE = 32

/** Runs an UPDATE or DELETE and answers how many rows it touched. */
export const affected = (statement: Statement<unknown>): Effect.Effect<number, SqlError> =>
  Effect.map(statement.raw, (result) => Number((result as { readonly changes: number | bigint }).changes))

/** Repeats a deletion of at most `size` rows until it finds less; answers the total. Others may write in between. */
export const inChunks = (
  size: number,
  some: Effect.Effect<number, SqlError>
): Effect.Effect<number, SqlError> =>
  Effect.map(
    Effect.iterate(
      { total: 0, last: size },
      {
        while: ({ last }) => last === size,
        body: ({ total }) => Effect.map(some, (last) => ({ total: total + last, last }))
      }
    ),
    ({ total }) => total
  )

/**
 * Repeats a statement that looks for a key and adds it if it is not there: with SQL Server somebody else may add it in
 * between. The next time it is found.
 */
export const afterRaces = <A>(statement: Effect.Effect<A, SqlError>): Effect.Effect<A, SqlError> =>
  Effect.retry(statement, { while: (error) => isUniqueViolation(error.cause), times: 5 })

export const storageError = (name: string, { cause }: SqlError): StorageError => {
  const detail = detailOf(cause)
  return new StorageError({
    operation: name,
    transient: isTransient(cause),
    cause,
    ...(detail === undefined ? {} : { detail })
  })
}

/** The user was removed meanwhile: what should have been stored has no place any more. */
export const noSuchUser = (name: keyof StorageShape): StorageError =>
  new StorageError({ operation: name, transient: false, cause: new Error("no such user") })

/**
 * The call may succeed later when the lock, the disk or the thread is the trouble, not the statement or the file's
 * content (primary result codes: https://sqlite.org/rescode.html).
 */
const isTransient = (cause: unknown): boolean => {
  // A node whose tenure is over is in trouble as a whole: no single row is to blame.
  if (MssqlTrouble.isTransient(cause) || cause instanceof MssqlTrouble.Fenced) return true
  const code = codeOf(cause)
  return code !== undefined && TRANSIENT.has(code & 0xff)
}

/** The extended codes are SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE and _ROWID. */
const isUniqueViolation = (cause: unknown): boolean =>
  MssqlTrouble.isUniqueViolation(cause) ||
  (cause instanceof SqliteFailure && [1555, 2067, 2579].includes(cause.code))

const detailOf = (cause: unknown): string | undefined => {
  if (isUniqueViolation(cause)) return "a row with the same key is there already"
  return cause instanceof MssqlTrouble.Fenced ? cause.message : undefined
}

const codeOf = (cause: unknown): number | undefined => {
  if (cause instanceof SqliteFailure) return cause.code
  if (!(cause instanceof Error)) return undefined
  if ("errcode" in cause && typeof cause.errcode === "number") return cause.errcode
  return "syscall" in cause ? 14 : undefined
}

/** thread ended, ABORT, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL */
const TRANSIENT: ReadonlySet<number> = new Set([0, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15])
