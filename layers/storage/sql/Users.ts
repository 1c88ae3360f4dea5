import type { SqlClient } from "@effect/sql/SqlClient"
import type { Fragment } from "@effect/sql/Statement"
import { Effect, Option } from "effect"
import {
  bucketOf,
  type Generation,
  type TenantNumber,
  type UserId,
  type UserNumber
} from "../../../schemas/Ids.ts"
import type { KeyedUser, User } from "../Storage.ts"
import { dialectOf } from "./Dialect.ts"
import {
  affected,
  afterRaces,
  inChunks,
  noSuchUser,
  operation,
  type StorageShape,
  transaction
} from "./Operation.ts"

type Users = Pick<
  StorageShape,
  | "findUser"
  | "user"
  | "usersOfId"
  | "createUser"
  | "setCallbackKey"
  | "retireKeys"
  | "deleteUser"
  | "deleteUserWithoutDevices"
  | "forgetUnregistered"
>

/** So many users are forgotten in one transaction. */
const FORGET_AT_ONCE = 500

export const make = (sql: SqlClient): Users => {
  const dialect = dialectOf(sql)

  const select = (where: Fragment) =>
    sql<KeyedUserRow>`
      SELECT users.*, r.wrapped AS registration_key, r.made_at AS registration_made_at,
        c.wrapped AS callback_key
      FROM users JOIN registration_keys r ON r.user_no = users.user_no
      LEFT JOIN callback_keys c ON c.user_no = users.user_no
      WHERE ${where}`.pipe(Effect.map((rows) => Option.map(Option.fromNullable(rows[0]), keyedUserOf)))

  const find = (tenant: TenantNumber, userId: UserId) =>
    select(sql`tenant_no = ${tenant} AND user_id = ${Buffer.from(userId, "hex")}`)

  const callbackKey = (user: UserNumber) =>
    Effect.map(
      sql<{ wrapped: Uint8Array }>`SELECT wrapped FROM callback_keys WHERE user_no = ${Number(user)}`,
      (rows) => rows[0]?.wrapped
    )

  const forgetSome = (before: number) =>
    affected(sql`
      DELETE FROM users WHERE user_no IN (
        SELECT user_no FROM users WHERE fingerprint IS NULL AND created_at < ${before} ${dialect.some(FORGET_AT_ONCE)})`)

  return {
    findUser: (tenant, userId) => operation("findUser")(find(tenant, userId)),

    user: (user) => operation("user")(select(sql`users.user_no = ${Number(user)}`)),

    usersOfId: (userId) =>
      sql<{ user_no: number; tenant_no: number; name: string }>`
        SELECT users.user_no, t.tenant_no, t.name FROM users JOIN tenants t ON t.tenant_no = users.tenant_no
        WHERE users.user_id = ${Buffer.from(userId, "hex")} ORDER BY t.name`.pipe(
        Effect.map((rows) =>
          rows.map(({ name, tenant_no, user_no }) => ({
            user: String(user_no) as UserNumber,
            tenant: tenant_no as TenantNumber,
            tenantName: name
          }))
        ),
        operation("usersOfId")
      ),

    createUser: Effect.fnUntraced(
      function* ({ tenant, userId, keys, createdAt }) {
        const known = yield* find(tenant, userId)
        if (Option.isSome(known)) return known.value
        const row = {
          tenant_no: tenant,
          user_id: Buffer.from(userId, "hex"),
          bucket: bucketOf(tenant, userId),
          created_at: createdAt,
          seal_key: keys.sealKey
        }
        const [made] = yield* sql<{
          user_no: number
        }>`INSERT INTO users ${sql.insert(row).returning(dialect.inserted("user_no"))}`
        const { user_no } = made!
        yield* sql`INSERT INTO registration_keys ${sql.insert({ user_no, wrapped: keys.registrationKey })}`
        if (keys.callbackKey !== null)
          yield* sql`INSERT INTO callback_keys ${sql.insert({ user_no, wrapped: keys.callbackKey })}`
        return {
          user: String(user_no) as UserNumber,
          tenant,
          userId,
          createdAt,
          refused: 0 as Generation,
          fingerprint: null,
          sealKeyMadeAt: createdAt,
          registrationKeyMadeAt: createdAt,
          ...keys
        }
      },
      transaction(sql, "createUser")
    ),

    setCallbackKey: (user, key) =>
      afterRaces(dialect.insertNew("callback_keys", { user_no: Number(user) }, { wrapped: key })).pipe(
        Effect.zipRight(callbackKey(user)),
        Effect.flatMap((stored) => Effect.fromNullable(stored)),
        Effect.catchTag("NoSuchElementException", () => Effect.fail(noSuchUser("setCallbackKey"))),
        operation("setCallbackKey")
      ),

    retireKeys: Effect.fnUntraced(
      function* (user, sealKey) {
        yield* dialect.lockUser(user)
        const replaced = yield* affected(sql`
          UPDATE users SET seal_key = ${sealKey} WHERE user_no = ${Number(user)} AND NOT EXISTS (
            SELECT 1 FROM subscriptions s WHERE s.user_no = users.user_no AND s.link IN ('Unconfirmed', 'Active'))`)
        if (replaced === 0) return false
        yield* sql`DELETE FROM callback_keys WHERE user_no = ${Number(user)}`
        yield* sql`DELETE FROM former_keys WHERE user_no = ${Number(user)} AND kind <> 'registration'`
        yield* sql`DELETE FROM partials WHERE user_no = ${Number(user)}`
        return true
      },
      transaction(sql, "retireKeys")
    ),

    // All other tables follow by their foreign keys.
    deleteUser: (user) =>
      Effect.asVoid(operation("deleteUser")(sql`DELETE FROM users WHERE user_no = ${Number(user)}`)),

    deleteUserWithoutDevices: Effect.fnUntraced(
      function* (user) {
        yield* dialect.lockUser(user)
        yield* sql`
          DELETE FROM users WHERE user_no = ${Number(user)} AND NOT EXISTS (
            SELECT 1 FROM devices d WHERE d.user_no = users.user_no)`
        const left = yield* sql`SELECT user_no FROM users WHERE user_no = ${Number(user)}`
        return left.length === 0
      },
      transaction(sql, "deleteUserWithoutDevices")
    ),

    forgetUnregistered: (before) =>
      operation("forgetUnregistered")(inChunks(FORGET_AT_ONCE, forgetSome(before)))
  }
}

/** A row of `users`, with the key of callbacks beside it. */
export interface UserRow {
  readonly user_no: number
  readonly tenant_no: number
  readonly user_id: Uint8Array
  readonly created_at: number
  readonly seal_key: Uint8Array
  readonly seal_key_made_at: number | null
  readonly refused: number
  readonly fingerprint: Uint8Array | null
  readonly callback_key: Uint8Array | null
}

type KeyedUserRow = UserRow & {
  readonly registration_key: Uint8Array
  readonly registration_made_at: number | null
}

const keyedUserOf = (row: KeyedUserRow): KeyedUser => ({
  ...userOf(row),
  registrationKey: row.registration_key,
  registrationKeyMadeAt: row.registration_made_at ?? row.created_at
})

export const userOf = (row: UserRow): User => ({
  user: String(row.user_no) as UserNumber,
  tenant: row.tenant_no as TenantNumber,
  userId: Buffer.from(row.user_id).toString("hex") as UserId,
  createdAt: row.created_at,
  refused: row.refused as Generation,
  fingerprint: row.fingerprint,
  sealKey: row.seal_key,
  sealKeyMadeAt: row.seal_key_made_at ?? row.created_at,
  callbackKey: row.callback_key
})
