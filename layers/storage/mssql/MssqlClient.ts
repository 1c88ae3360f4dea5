import { readFile } from "node:fs/promises"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as Mssql from "@effect/sql-mssql/MssqlClient"
import { Effect, type Scope } from "effect"
import * as MssqlPool from "./MssqlPool.ts"
import { autoCommit } from "./MssqlRetries.ts"
import { connectionOf, isRead } from "./MssqlStatements.ts"
import { type Epoch, runFenced } from "./MssqlTransaction.ts"
import type { MssqlConfig } from "./MssqlUrl.ts"
import { withTransaction } from "./MssqlWithTransaction.ts"

export { Fenced } from "./MssqlTrouble.ts"

/** `SqlClient` over SQL Server. See `make`. */
export interface MssqlClient extends SqlClient.SqlClient {
  /**
   * A client on the same connections whose writes happen only while table `epochs` holds the given number for `ens`.
   * Every transaction, and every single statement that does not begin with SELECT, checks that in its own transaction,
   * without a round trip more, and fails with the cause `Fenced` if another node has taken over. `undefined` checks
   * nothing. A transaction asks for the number once, when it begins; what this client does inside a transaction of
   * another client is part of that one.
   */
  readonly fencedBy: (epoch: () => Epoch) => SqlClient.SqlClient
}

/**
 * Connects to SQL Server (2016 or later, compatibility level 130).
 *
 * Values: see MssqlValues.ts. `statement.raw` answers `{ changes }`. An interrupted caller goes on at once; the statement
 * is cancelled, the transaction rolled back behind it. What surely did not happen is tried again (deadlock, lost
 * connection, a transaction before its COMMIT, at most 4 times, within a request's time), so the effects of a transaction
 * must bear repetition. A statement that fails inside a transaction ends it: what catches the failure cannot go on.
 *
 * Fails when the server cannot be reached or does not let us in.
 */
export const make = (config: MssqlConfig): Effect.Effect<MssqlClient, SqlError, Scope.Scope> =>
  Effect.gen(function* () {
    const client = yield* clientOf(config)
    yield* client.unsafe("SELECT 1 AS one")
    return client
  })

/**
 * A client with one connection of its own and short times (ms), opened anew when it fails; for what must not wait for
 * others, such as the lease of ownership. Does not connect before it is used.
 */
export const single = (
  config: MssqlConfig,
  limits: { readonly connectTimeout: number; readonly requestTimeout: number } = {
    connectTimeout: 2000,
    requestTimeout: 2000
  }
): Effect.Effect<SqlClient.SqlClient, SqlError, Scope.Scope> =>
  clientOf({ ...config, ...limits, poolSize: 1 })

const clientOf = (config: MssqlConfig): Effect.Effect<MssqlClient, SqlError, Scope.Scope> =>
  Effect.gen(function* () {
    const pool = yield* MssqlPool.make(config, yield* authoritiesOf(config))
    const client = (epoch: () => Epoch) =>
      Effect.map(
        SqlClient.make({
          acquirer: Effect.succeed(
            connectionOf((sql, values) =>
              autoCommit(config, sql, pool, (connection) => {
                const expected = isRead(sql) ? undefined : epoch()
                return expected === undefined
                  ? connection.run(sql, values)
                  : runFenced(connection, sql, values, expected)
              })
            )
          ),
          transactionAcquirer: Effect.map(pool.acquire, ({ run }) => connectionOf(run)),
          compiler: Mssql.makeCompiler(),
          spanAttributes: [["db.system.name", "microsoft.sql_server"]]
        }),
        (made) => Object.assign(made, { withTransaction: withTransaction(config, pool, epoch) })
      )
    const context = yield* Effect.context<Reactivity.Reactivity>()
    return Object.assign(yield* client(() => undefined), {
      fencedBy: (epoch: () => Epoch) => Effect.runSync(Effect.provide(client(epoch), context))
    })
  }).pipe(Effect.provide(Reactivity.layer))

const authoritiesOf = ({ caFile }: MssqlConfig): Effect.Effect<string | undefined, SqlError> =>
  caFile === undefined
    ? Effect.succeed(undefined)
    : Effect.tryPromise({
        try: () => readFile(caFile, "utf8"),
        catch: (cause) =>
          new SqlError({ message: "the file with the database's authorities (caFile) cannot be read", cause })
      })
