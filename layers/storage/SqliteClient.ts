import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import { Effect, Layer, Option, type Scope, Stream } from "effect"
import type { WriteOrder } from "./SqliteProtocol.ts"
import * as SqliteReader from "./SqliteReader.ts"
import type { AnswerMode } from "./SqliteStatements.ts"
import * as SqliteWriter from "./SqliteWriter.ts"

/**
 * `SqlClient` over Node's own SQLite. A statement that begins with SELECT is read at once, on the calling thread, and sees
 * every write that has been answered; page what is large. Everything else, and everything inside of `withTransaction`, is
 * done by one writer thread and answered when it is on disk (WAL, synchronous = FULL); what is written at the same time
 * shares a commit. Interrupting a statement does not undo it; interrupting a transaction rolls it back.
 *
 * `file` is a path; its directory must be there.
 */
export const make = (file: string): Effect.Effect<SqlClient.SqlClient, SqlError, Scope.Scope> =>
  Effect.gen(function* () {
    const write = yield* SqliteWriter.make(file)
    // The writer comes first: it makes the file and its journal mode.
    yield* write(statementOf(0, "SELECT 1", [], "rows"))
    const read = yield* SqliteReader.make(file)
    let lastTransaction = 0
    const client = yield* SqlClient.make({
      acquirer: Effect.succeed(
        connectionOf(
          (sql, parameters, mode) =>
            /^\s*SELECT\b/i.test(sql)
              ? read(sql, parameters, mode)
              : write(statementOf(0, sql, parameters, mode)),
          (sql) => write({ _tag: "RunAlone", transaction: 0, sql })
        )
      ),
      transactionAcquirer: Effect.sync(() => transactionOf(write, ++lastTransaction)),
      compiler: Statement.makeCompilerSqlite(),
      beginTransaction: "Begin",
      commit: "Commit",
      rollback: "Rollback",
      spanAttributes: [["db.system.name", "sqlite"]]
    })
    return Object.assign(client, { withTransaction: failInsteadOfDie(client.withTransaction) })
  }).pipe(Effect.provide(Reactivity.layer))

export const layer = (file: string): Layer.Layer<SqlClient.SqlClient, SqlError> =>
  Layer.scoped(SqlClient.SqlClient, make(file))

type Run = SqliteReader.SqliteReader

/** The client's begin, commit and rollback arrive as `unprepared` statements; savepoints are SQL. */
const transactionOf = (write: SqliteWriter.SqliteWriter, transaction: number): Connection => {
  const run: Run = (sql, parameters, mode) => write(statementOf(transaction, sql, parameters, mode))
  return connectionOf(run, (sql) =>
    sql === "Begin" || sql === "Commit" || sql === "Rollback"
      ? write({ _tag: sql, transaction })
      : run(sql, [], "rows")
  )
}

/** What goes to the thread is copied with the whole buffer it is a view of (Node's pool!), so bytes get their own. */
const statementOf = (
  transaction: number,
  sql: string,
  parameters: ReadonlyArray<unknown>,
  mode: AnswerMode
): WriteOrder => ({
  _tag: "Run",
  transaction,
  sql,
  mode,
  parameters: parameters.map((value) =>
    value instanceof Uint8Array && value.byteLength < value.buffer.byteLength ? new Uint8Array(value) : value
  )
})

type Rows = ReadonlyArray<Record<string, unknown>>

const connectionOf = (
  run: Run,
  runUnprepared: (sql: string) => Effect.Effect<unknown, SqlError>
): Connection => {
  const execute: Connection["execute"] = (sql, parameters, transformRows) =>
    Effect.map(run(sql, parameters, "rows"), (rows) =>
      transformRows === undefined ? (rows as Rows) : transformRows(rows as Rows)
    )
  return {
    execute,
    executeRaw: (sql, parameters) => run(sql, parameters, "changes"),
    executeValues: (sql, parameters) =>
      Effect.map(run(sql, parameters, "values"), (rows) => rows as ReadonlyArray<ReadonlyArray<unknown>>),
    executeUnprepared: (sql, parameters, transformRows) =>
      parameters.length > 0
        ? execute(sql, parameters, transformRows)
        : Effect.map(runUnprepared(sql), (rows) => rows as Rows),
    executeStream: (sql, parameters, transformRows) =>
      Stream.fromIterableEffect(execute(sql, parameters, transformRows))
  }
}

/** @effect/sql dies when COMMIT or ROLLBACK fails; a full disk is an expected failure here. */
const failInsteadOfDie =
  (withTransaction: SqlClient.SqlClient["withTransaction"]): SqlClient.SqlClient["withTransaction"] =>
  (effect) =>
    Effect.catchSomeDefect(withTransaction(effect), (defect) =>
      defect instanceof SqlError ? Option.some(Effect.fail(defect)) : Option.none()
    )
