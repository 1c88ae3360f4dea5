import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import type { UserNumber } from "../../../schemas/Ids.ts"
import type { FormerKey } from "../Storage.ts"
import { dialectOf } from "./Dialect.ts"
import { affected, inChunks, operation, type StorageShape, transaction } from "./Operation.ts"

type KeyVersions = Pick<
  StorageShape,
  "replaceSealKey" | "replaceRegistrationKey" | "formerKeys" | "dropFormerKeys"
>

/** So many former keys are dropped in one statement. */
const DROP_AT_ONCE = 500

export const make = (sql: SqlClient): KeyVersions => {
  const dialect = dialectOf(sql)

  const forget = (user: UserNumber, kind: FormerKey["kind"]) =>
    sql`DELETE FROM former_keys WHERE user_no = ${Number(user)} AND kind = ${kind}`

  const dropSome = (before: number) =>
    affected(
      dialect.deleteThose(
        "former_keys",
        ["user_no", "kind"],
        sql`
        SELECT f.user_no, f.kind FROM former_keys f LEFT JOIN subscriptions s ON s.user_no = f.user_no
        WHERE f.replaced_at < ${before} AND (f.kind = 'registration' OR s.user_no IS NULL
          OR (s.subscribed_at >= f.replaced_at AND s.subscribed_at < ${before}))
        ${dialect.some(DROP_AT_ONCE)}`
      )
    )

  return {
    replaceSealKey: Effect.fnUntraced(
      function* (user, sealKey, at) {
        yield* dialect.lockUser(user)
        yield* forget(user, "seal")
        yield* forget(user, "callback")
        yield* sql`
          INSERT INTO former_keys (user_no, kind, wrapped, replaced_at)
          SELECT user_no, 'seal', seal_key, ${at} FROM users WHERE user_no = ${Number(user)}`
        yield* sql`
          INSERT INTO former_keys (user_no, kind, wrapped, replaced_at)
          SELECT user_no, 'callback', wrapped, ${at} FROM callback_keys WHERE user_no = ${Number(user)}`
        yield* sql`DELETE FROM callback_keys WHERE user_no = ${Number(user)}`
        yield* sql`
          UPDATE users SET seal_key = ${sealKey}, seal_key_made_at = ${at} WHERE user_no = ${Number(user)}`
      },
      transaction(sql, "replaceSealKey")
    ),

    replaceRegistrationKey: Effect.fnUntraced(
      function* (user, key, at, before) {
        // The row is locked from here on, so that somebody else who is at it comes after this.
        const replaced = yield* affected(sql`
          UPDATE registration_keys SET made_at = ${at} WHERE user_no = ${Number(user)} AND COALESCE(
            made_at, (SELECT created_at FROM users u WHERE u.user_no = registration_keys.user_no)) < ${before}`)
        if (replaced === 0) return
        yield* forget(user, "registration")
        yield* sql`
          INSERT INTO former_keys (user_no, kind, wrapped, replaced_at)
          SELECT user_no, 'registration', wrapped, ${at} FROM registration_keys WHERE user_no = ${Number(user)}`
        yield* sql`UPDATE registration_keys SET wrapped = ${key} WHERE user_no = ${Number(user)}`
      },
      transaction(sql, "replaceRegistrationKey")
    ),

    formerKeys: (user) =>
      sql<FormerKeyRow>`
        SELECT kind, wrapped, replaced_at FROM former_keys WHERE user_no = ${Number(user)} ORDER BY kind`.pipe(
        Effect.map((rows) => rows.map(formerKeyOf)),
        operation("formerKeys")
      ),

    dropFormerKeys: (before) => operation("dropFormerKeys")(inChunks(DROP_AT_ONCE, dropSome(before)))
  }
}

interface FormerKeyRow {
  readonly kind: string
  readonly wrapped: Uint8Array
  readonly replaced_at: number
}

const formerKeyOf = (row: FormerKeyRow): FormerKey => ({
  kind: row.kind as FormerKey["kind"],
  wrapped: row.wrapped,
  replacedAt: row.replaced_at
})
