import type { SqlClient } from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment, Statement } from "@effect/sql/Statement"
import { Clock, Effect } from "effect"
import { LEASE } from "./Tenure.ts"

/** Another process has the lease: which machine it runs on, and for how long yet if it is not renewed (ms). */
export interface Held {
  readonly heldBy: string
  readonly forAnother: number
}

/** The lease is the asker's, in a tenure of this number; every tenure has a higher one than those before. */
export interface Taken {
  readonly epoch: number
}

/** What a node asks the database about the one lease. `holder` is unique for each start of a process. */
export interface LeaseStore {
  /** Takes the lease if nobody has it, if it has expired, or if it is the asker's already. */
  readonly acquire: (holder: string, host: string) => Effect.Effect<Taken | Held, SqlError>
  /** Makes the lease of this tenure last anew; false if somebody else has taken it. */
  readonly renew: (holder: string, epoch: number) => Effect.Effect<boolean, SqlError>
  /** Gives back what the holder has, if anything. */
  readonly release: (holder: string) => Effect.Effect<void, SqlError>
}

/**
 * The lease as a row of `leases`. Time is the database's, so that the clocks of nodes do not matter; on SQLite, which is on
 * one machine, it is Effect's. Whoever takes the lease also writes the row of `epochs` in the same transaction: from then
 * on writes of earlier tenures are refused.
 */
export const make = (sql: SqlClient): LeaseStore => {
  const now: Effect.Effect<Fragment> = sql.onDialectOrElse({
    mssql: () => Effect.succeed(sql.literal("DATEDIFF_BIG(ms, '1970-01-01', SYSUTCDATETIME())")),
    orElse: () => Effect.map(Clock.currentTimeMillis, (ms) => sql.literal(String(Math.floor(ms))))
  })
  // A server that knows the hints lets one node in at a time; on others the WHERE of the UPDATE decides alone.
  const locked = sql.literal(
    sql.onDialectOrElse({ mssql: () => "WITH (UPDLOCK, SERIALIZABLE)", orElse: () => "" })
  )
  const answering = (assignments: Fragment, condition: Fragment): Statement<{ epoch: number }> =>
    sql.onDialectOrElse({
      mssql: () => sql`UPDATE leases ${locked} SET ${assignments} OUTPUT INSERTED.epoch WHERE ${condition}`,
      orElse: () => sql`UPDATE leases SET ${assignments} WHERE ${condition} RETURNING epoch`
    })

  const take = Effect.fnUntraced(function* (holder: string, host: string) {
    const time = yield* now
    const [taken] = yield* answering(
      sql`holder = ${holder}, host = ${host}, epoch = epoch + 1, expires_at = ${time} + ${LEASE}`,
      sql`name = ${NAME} AND (expires_at <= ${time} OR holder = ${holder})`
    )
    if (taken !== undefined) return yield* enter(taken.epoch)
    const held = yield* look
    if (held !== undefined) return heldBy(held)
    // Nobody ever had it. Of several who come here one gets in; the others fail with its key, and then ask again.
    const [last] = yield* sql<{ epoch: number }>`SELECT epoch FROM epochs WHERE name = ${NAME}`
    const epoch = (last?.epoch ?? 0) + 1
    yield* sql`INSERT INTO leases (name, holder, host, epoch, expires_at)
      VALUES (${NAME}, ${holder}, ${host}, ${epoch}, ${time} + ${LEASE})`
    return yield* enter(epoch)
  })

  const enter = Effect.fnUntraced(function* (epoch: number) {
    const written = yield* changes(sql`UPDATE epochs SET epoch = ${epoch} WHERE name = ${NAME}`)
    if (written === 0) yield* sql`INSERT INTO epochs (name, epoch) VALUES (${NAME}, ${epoch})`
    return { epoch }
  })

  const look = Effect.gen(function* () {
    const [row] = yield* sql<Row>`
      SELECT holder, host, expires_at - ${yield* now} AS remaining FROM leases WHERE name = ${NAME}`
    return row
  })

  return {
    acquire: (holder, host) =>
      Effect.flatMap(look, (row) =>
        // Asked every second by who waits, so without a transaction.
        row !== undefined && row.remaining > 0 && row.holder !== holder
          ? Effect.succeed(heldBy(row))
          : sql.withTransaction(take(holder, host.slice(0, HOST_MAX)))
      ),
    renew: (holder, epoch) =>
      Effect.flatMap(now, (time) =>
        Effect.map(
          changes(sql`UPDATE leases SET expires_at = ${time} + ${LEASE}
            WHERE name = ${NAME} AND holder = ${holder} AND epoch = ${epoch}`),
          (count) => count > 0
        )
      ),
    release: (holder) =>
      Effect.asVoid(
        sql`UPDATE leases SET holder = '', expires_at = 0 WHERE name = ${NAME} AND holder = ${holder}`
      )
  }
}

interface Row {
  readonly holder: string
  readonly host: string
  readonly remaining: number
}

/** Which lease: there is one for all users. */
const NAME = "ens"

/** Characters of a host's name that the column takes. */
const HOST_MAX = 255

const heldBy = ({ host, remaining }: Row): Held => ({ heldBy: host, forAnother: Math.max(0, remaining) })

const changes = (statement: Statement<unknown>): Effect.Effect<number, SqlError> =>
  Effect.map(statement.raw, (result) => Number((result as { readonly changes: number | bigint }).changes))
