import type { SqlError } from "@effect/sql/SqlError"
import { Clock, Effect, Random } from "effect"
import type { MssqlConnection } from "./MssqlConnection.ts"
import type { MssqlPool } from "./MssqlPool.ts"
import { isRead } from "./MssqlStatements.ts"
import { isConnectionLoss, isFailover, isRetryable, surelyDidNotRun } from "./MssqlTrouble.ts"
import type { MssqlConfig } from "./MssqlUrl.ts"

/** Pauses between tries (ms), half of each at random. */
const PAUSES = [50, 100, 200]

/** No try begins later than this (ms), nor later than one statement may take. */
const TRIES_WITHIN = 5000

/** Runs again what `again` says of its failure, with pauses between. */
export const retried = <A, E, R>(
  config: MssqlConfig,
  attempt: Effect.Effect<A, E, R>,
  again: (error: E) => unknown | undefined
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (began) => {
    const from = (tries: number): Effect.Effect<A, E, R> =>
      Effect.catchAll(attempt, (error) =>
        Effect.flatMap(Effect.all([Clock.currentTimeMillis, Random.next]), ([now, random]) => {
          const cause = again(error)
          const most = PAUSES[tries]
          if (cause === undefined || most === undefined) return Effect.fail(error)
          const pause = most * (0.5 + random / 2)
          return now - began + pause >= Math.min(TRIES_WITHIN, config.requestTimeout)
            ? Effect.fail(error)
            : Effect.delay(
                Effect.suspend(() => from(tries + 1)),
                pause
              )
        })
      )
    return from(0)
  })

/**
 * A statement of its own: repeated when it surely did not run, and a SELECT once after its connection was lost. An
 * interrupted caller goes on at once.
 */
export const autoCommit = <A>(
  config: MssqlConfig,
  sql: string,
  pool: MssqlPool,
  run: (connection: MssqlConnection) => Effect.Effect<A, SqlError>
): Effect.Effect<A, SqlError> =>
  Effect.suspend(() => {
    let lost = 0
    return Effect.disconnect(
      retried(
        config,
        Effect.scoped(Effect.flatMap(pool.acquire, (connection) => noticing(pool, run(connection)))),
        ({ cause }) =>
          (surelyDidNotRun(cause) && isRetryable(cause)) ||
          (isRead(sql) && isConnectionLoss(cause) && lost++ === 0)
            ? cause
            : undefined
      )
    )
  })

/** After the server has changed, no connection that was made before is used any more. */
export const noticing = <A>(
  pool: MssqlPool,
  effect: Effect.Effect<A, SqlError>
): Effect.Effect<A, SqlError> =>
  Effect.tapError(effect, ({ cause }) => Effect.sync(() => isFailover(cause) && pool.renew()))
