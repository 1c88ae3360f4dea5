import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Context, Effect, Exit, Option } from "effect"
import type { MssqlPool } from "./MssqlPool.ts"
import { retried } from "./MssqlRetries.ts"
import { type Epoch, MssqlTransaction } from "./MssqlTransaction.ts"
import { isRetryable } from "./MssqlTrouble.ts"
import type { MssqlConfig } from "./MssqlUrl.ts"

/**
 * Runs an effect as one transaction, inside another one as a savepoint of it. It is committed, rolled back, or its
 * connection closed before anybody else gets it. A failed ROLLBACK or COMMIT never hides why it came to that. See
 * `MssqlClient.make` for interruption and repetition.
 */
export const withTransaction =
  (config: MssqlConfig, pool: MssqlPool, epoch: () => Epoch): SqlClient.SqlClient["withTransaction"] =>
  <R, E, A>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError, R> =>
    Effect.contextWithEffect((context: Context.Context<R>) => {
      const outer = Context.getOption(context as Context.Context<SqlClient.TransactionConnection>, CURRENT)
      const known = Option.isSome(outer) ? TRANSACTIONS.get(outer.value[0]) : undefined
      return known?.pool === pool
        ? nested(known, effect)
        : Effect.disconnect(repeated(config, pool, epoch, effect))
    })

/** The client's statements find the transaction they belong to here. */
const CURRENT = SqlClient.TransactionConnection

const TRANSACTIONS = new WeakMap<Connection, MssqlTransaction>()

const repeated = <A, E, R>(
  config: MssqlConfig,
  pool: MssqlPool,
  epoch: () => Epoch,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R> =>
  Effect.suspend(() => {
    let transaction: MssqlTransaction | undefined
    const attempt = Effect.scoped(
      Effect.flatMap(
        Effect.suspend(() => {
          transaction = undefined
          return pool.acquire
        }),
        (connection) => {
          transaction = new MssqlTransaction(pool, connection, epoch())
          return once(transaction, effect)
        }
      )
    )
    return retried(config, attempt, (error: E | SqlError) => {
      const reason = transaction?.trouble ?? error
      return reason instanceof SqlError && transaction?.commitSent !== true && isRetryable(reason.cause, true)
        ? reason.cause
        : undefined
    })
  })

const once = <A, E, R>(
  transaction: MssqlTransaction,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      yield* restore(transaction.begin)
      const exit = yield* Effect.exit(restore(inside(transaction, effect)))
      if (Exit.isSuccess(exit)) {
        const committed = yield* Effect.exit(transaction.commit)
        if (Exit.isSuccess(committed)) return exit.value
        yield* transaction.rollback
        return yield* Effect.failCause(committed.cause)
      }
      yield* transaction.rollback
      return yield* Effect.failCause(exit.cause)
    })
  )

const nested = <A, E, R>(
  transaction: MssqlTransaction,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const name = yield* transaction.savepoint
      const exit = yield* Effect.exit(restore(inside(transaction, effect)))
      if (Exit.isSuccess(exit)) return exit.value
      // Where this fails, the whole transaction is lost, and says so to what follows.
      yield* Effect.ignore(transaction.rollbackTo(name))
      return yield* Effect.failCause(exit.cause)
    })
  )

const inside = <A, E, R>(transaction: MssqlTransaction, effect: Effect.Effect<A, E, R>) => {
  TRANSACTIONS.set(transaction.statements, transaction)
  return Effect.mapInputContext(effect, (context: Context.Context<R>) =>
    Context.add(context, CURRENT, [transaction.statements, 0])
  )
}
