import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import type { MssqlAnswer, MssqlConnection } from "./MssqlConnection.ts"
import type { MssqlPool } from "./MssqlPool.ts"
import { connectionOf } from "./MssqlStatements.ts"
import { Fenced, isFailover, MssqlFailure } from "./MssqlTrouble.ts"

/** The epoch a write must find in the database; see `MssqlClient.fencedBy`. */
export type Epoch = number | undefined

/**
 * A transaction on a connection. Its statements run one after another, whoever runs them. The first that fails, or is
 * cancelled, ends it: the server has rolled it back (XACT_ABORT), so what follows is refused instead of being committed
 * by itself, and so is the COMMIT.
 */
export class MssqlTransaction {
  /** Why it cannot go on. */
  trouble: SqlError | undefined
  /** The COMMIT may have reached the server: whether it took effect is not known if it fails. */
  commitSent = false
  readonly statements: Connection
  readonly pool: MssqlPool
  private readonly connection: MssqlConnection
  private readonly epoch: Epoch
  private readonly oneByOne = Effect.unsafeMakeSemaphore(1)
  private checked = false
  private savepoints = 0

  constructor(pool: MssqlPool, connection: MssqlConnection, epoch: Epoch) {
    this.pool = pool
    this.connection = connection
    this.epoch = epoch
    this.statements = connectionOf((sql, values) => this.run(sql, values))
  }

  readonly begin = Effect.suspend(() => this.guarded(this.connection.begin))

  readonly commit = Effect.suspend(() =>
    this.guarded(
      Effect.suspend(() => {
        this.commitSent = true
        return this.connection.commit
      })
    )
  )

  /** Never fails: what cannot be rolled back is closed when it goes back to the pool. */
  readonly rollback = Effect.suspend(() =>
    this.connection.isOpen() ? Effect.ignore(this.connection.rollback) : Effect.void
  )

  /** Answers the savepoint's name. */
  readonly savepoint = Effect.suspend(() => {
    const name = `ens_${++this.savepoints}`
    return Effect.as(this.guarded(this.connection.batch(`SAVE TRAN ${name}`)), name)
  })

  /** The check of the epoch loses its lock if it came after the savepoint, so it is made again. */
  rollbackTo(name: string): Effect.Effect<void, SqlError> {
    return Effect.suspend(() => {
      this.checked = false
      return this.guarded(this.connection.batch(`ROLLBACK TRAN ${name}`))
    })
  }

  private run(sql: string, values: ReadonlyArray<unknown>): Effect.Effect<MssqlAnswer, SqlError> {
    return this.guarded(
      Effect.suspend(() => {
        if (this.epoch === undefined || this.checked) return this.connection.run(sql, values)
        return Effect.tap(
          Effect.mapError(this.connection.run(`${CHECK}\n${sql}`, values, this.epoch), asFenced),
          () => {
            this.checked = true
          }
        )
      })
    )
  }

  private guarded<A>(step: Effect.Effect<A, SqlError>): Effect.Effect<A, SqlError> {
    const guard = Effect.suspend(() => {
      if (this.trouble !== undefined) return Effect.fail(this.trouble)
      return step.pipe(
        Effect.tapError((error) => Effect.sync(() => this.end(error))),
        Effect.onInterrupt(() => Effect.sync(() => this.end(cancelled()))),
        Effect.tapDefect(() => Effect.sync(() => this.end(cancelled())))
      )
    })
    return this.oneByOne.withPermits(1)(guard)
  }

  private end(error: SqlError): void {
    this.trouble ??= error
    if (isFailover(error.cause)) this.pool.renew()
  }
}

/**
 * One write as a transaction with the check before it, in one round trip. Rows and row count stay those of the
 * statement: the check and COMMIT have none.
 */
export const runFenced = (
  connection: MssqlConnection,
  sql: string,
  values: ReadonlyArray<unknown>,
  epoch: number
): Effect.Effect<MssqlAnswer, SqlError> =>
  Effect.mapError(
    connection.run(`BEGIN TRAN;\n${CHECK}\n${sql.replace(/[;\s]+$/, "")}\n;COMMIT TRAN;`, values, epoch),
    asFenced
  )

/** The row stays locked (shared) to the end of the transaction, so whoever takes over waits for it. */
const CHECK =
  "IF NOT EXISTS (SELECT 1 FROM epochs WITH (REPEATABLEREAD, ROWLOCK) WHERE name = N'ens' AND epoch = @epoch) THROW 51000, N'ENS fenced', 1;"

const asFenced = (error: SqlError): SqlError =>
  error.cause instanceof MssqlFailure && error.cause.number === 51000
    ? new SqlError({ message: "the database refused a write", cause: new Fenced() })
    : error

const cancelled = () =>
  new SqlError({
    message: "the transaction was rolled back",
    cause: new MssqlFailure({ message: "one of its statements was cancelled", code: "ECANCEL", sent: true })
  })
