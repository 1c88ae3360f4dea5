import type { SqlClient } from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { Effect, type Scope } from "effect"
import * as MssqlClient from "../../../../layers/storage/mssql/MssqlClient.ts"
import { MssqlFailure } from "../../../../layers/storage/mssql/MssqlTrouble.ts"
import type { MssqlConfig } from "../../../../layers/storage/mssql/MssqlUrl.ts"
import * as Tds from "../../../support/TdsServer.ts"

/** A scripted server and a client that is connected to it. */
export const inWorld =
  <E>(
    body: (world: {
      readonly server: Tds.TdsServer
      readonly sql: MssqlClient.MssqlClient
    }) => Effect.Effect<void, E, Scope.Scope>,
    more: Partial<MssqlConfig> = {}
  ) =>
  () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      const sql = yield* MssqlClient.make(server.config(more))
      server.statements.length = 0
      yield* body({ server, sql })
    })

/** Looks again and again until it holds; the test's own time limit ends it. */
export const eventually = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.delay(eventually(holds), "5 millis")))

/** The failure of an effect, as the client tells it. */
export const failureOf = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<MssqlFailure, A> =>
  Effect.map(Effect.flip(effect), ({ cause }) => {
    if (cause instanceof MssqlFailure) return cause
    throw cause
  })

/** The failure of an effect that must end within so many seconds. */
export const failsWithin = <A, E>(seconds: number, effect: Effect.Effect<A, E>) =>
  Effect.flip(effect).pipe(Effect.timeout(`${seconds} seconds`), Effect.disconnect)

export const isSqlError = (error: unknown): error is SqlError => error instanceof SqlError

/** Every connection is free of transactions, and every statement is answered. */
export const isHealthy = (server: Tds.TdsServer, sql: SqlClient, connections = 3) =>
  Effect.gen(function* () {
    yield* Effect.forEach(Array.from({ length: connections * 4 }), () => sql`UPDATE t SET n = 1`, {
      concurrency: "unbounded"
    })
    return (
      server.openTransactions() === 0 &&
      server.statements.slice(-connections * 4).every((_) => !_.inTransaction)
    )
  })
