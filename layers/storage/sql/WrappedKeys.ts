import type { SqlClient } from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { Effect } from "effect"
import type { TenantNumber, UserId } from "../../../schemas/Ids.ts"
import type { FormerKey, KeyPlace, WrappedKey } from "../Storage.ts"
import { dialectOf } from "./Dialect.ts"
import { AT_ONCE, operation, type StorageShape, transaction } from "./Operation.ts"

/** Every wrapped key, whichever table it is in. `key` is `<number>` or, for former keys, `<number> <kind>`. */
export const make = (sql: SqlClient): Pick<StorageShape, "wrappedKeys" | "rewrapKeys"> => {
  const dialect = dialectOf(sql)

  const ofUsers = (kind: Fragment, table: Fragment, wrapped: Fragment, after: string, limit: number) =>
    sql<WrappedRow>`
      SELECT k.user_no AS number, ${kind} AS kind, ${wrapped} AS wrapped, u.tenant_no, u.user_id
      FROM ${table} k JOIN users u ON u.user_no = k.user_no
      WHERE k.user_no > ${Number(after)} ORDER BY k.user_no ${dialect.limit(limit)}`

  const read: Record<
    KeyPlace,
    (after: string, limit: number) => Effect.Effect<ReadonlyArray<WrappedRow>, SqlError>
  > = {
    pool: (after, limit) => sql<WrappedRow>`
      SELECT key_no AS number, 'pool' AS kind, wrapped FROM pool_keys
      WHERE key_no > ${Number(after)} ORDER BY key_no ${dialect.limit(limit)}`,
    seal: (after, limit) => ofUsers(sql`'seal'`, sql`users`, sql`k.seal_key`, after, limit),
    registration: (after, limit) =>
      ofUsers(sql`'registration'`, sql`registration_keys`, sql`k.wrapped`, after, limit),
    callback: (after, limit) => ofUsers(sql`'callback'`, sql`callback_keys`, sql`k.wrapped`, after, limit),
    former: (after, limit) => {
      const [user = "0", kind = ""] = after.split(" ")
      return sql<WrappedRow>`
        SELECT k.user_no AS number, k.kind, k.wrapped, u.tenant_no, u.user_id
        FROM former_keys k JOIN users u ON u.user_no = k.user_no
        WHERE k.user_no > ${Number(user)} OR (k.user_no = ${Number(user)} AND k.kind > ${kind})
        ORDER BY k.user_no, k.kind ${dialect.limit(limit)}`
    }
  }

  const replace: Record<
    KeyPlace,
    (key: string, from: Uint8Array, to: Uint8Array) => Effect.Effect<unknown, SqlError>
  > = {
    pool: (key, from, to) =>
      sql`UPDATE pool_keys SET wrapped = ${to} WHERE key_no = ${Number(key)} AND wrapped = ${from}`,
    seal: (key, from, to) =>
      sql`UPDATE users SET seal_key = ${to} WHERE user_no = ${Number(key)} AND seal_key = ${from}`,
    registration: (key, from, to) =>
      sql`UPDATE registration_keys SET wrapped = ${to} WHERE user_no = ${Number(key)} AND wrapped = ${from}`,
    callback: (key, from, to) =>
      sql`UPDATE callback_keys SET wrapped = ${to} WHERE user_no = ${Number(key)} AND wrapped = ${from}`,
    former: (key, from, to) => {
      const [user = "0", kind = ""] = key.split(" ")
      return sql`
        UPDATE former_keys SET wrapped = ${to}
        WHERE user_no = ${Number(user)} AND kind = ${kind} AND wrapped = ${from}`
    }
  }

  return {
    wrappedKeys: (place, after, limit) =>
      read[place](after ?? "0", limit).pipe(
        Effect.map((rows) => rows.map((row) => wrappedKeyOf(place, row))),
        operation("wrappedKeys")
      ),

    rewrapKeys: (place, batch) =>
      transaction(
        sql,
        "rewrapKeys"
      )(
        Effect.forEach(batch, ({ from, key, to }) => replace[place](key, from, to), {
          concurrency: AT_ONCE,
          discard: true
        })
      )
  }
}

interface WrappedRow {
  readonly number: number
  readonly kind: string
  readonly wrapped: Uint8Array
  readonly tenant_no?: number
  readonly user_id?: Uint8Array
}

const wrappedKeyOf = (place: KeyPlace, row: WrappedRow): WrappedKey => ({
  place,
  key: place === "former" ? `${row.number} ${row.kind}` : String(row.number),
  kind: row.kind as "pool" | FormerKey["kind"],
  owner:
    row.user_id === undefined
      ? undefined
      : { tenant: row.tenant_no as TenantNumber, userId: Buffer.from(row.user_id).toString("hex") as UserId },
  wrapped: row.wrapped
})
