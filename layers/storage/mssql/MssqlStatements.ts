import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Stream } from "effect"
import type { MssqlAnswer } from "./MssqlConnection.ts"

/** Runs one statement. */
export type Run = (sql: string, values: ReadonlyArray<unknown>) => Effect.Effect<MssqlAnswer, SqlError>

/** What `SqlClient` asks of a connection. `raw` answers `{ changes }`. Streams are read whole: page what is large. */
export const connectionOf = (run: Run): Connection => {
  const execute: Connection["execute"] = (sql, values, transformRows) =>
    Effect.map(run(sql, values), (answer) =>
      transformRows === undefined ? objectsOf(answer) : transformRows(objectsOf(answer))
    )
  return {
    execute,
    executeRaw: (sql, values) => Effect.map(run(sql, values), ({ changes }) => ({ changes })),
    executeValues: (sql, values) => Effect.map(run(sql, values), ({ rows }) => rows),
    executeUnprepared: execute,
    executeStream: (sql, values, transformRows) =>
      Stream.fromIterableEffect(execute(sql, values, transformRows))
  }
}

/** Whether a statement only reads. */
export const isRead = (sql: string): boolean => /^\s*SELECT\b/i.test(sql)

const objectsOf = ({ columns, rows }: MssqlAnswer): ReadonlyArray<Record<string, unknown>> =>
  rows.map((row) => {
    const object: Record<string, unknown> = {}
    for (let index = 0; index < columns.length; index++) object[columns[index]!] = row[index]
    return object
  })
