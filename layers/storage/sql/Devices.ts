import type { SqlClient } from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import type { DeviceNumber, UserNumber } from "../../../schemas/Ids.ts"
import type { Platform, Policy, PushEnvironment } from "../../../schemas/Push.ts"
import type { StorageError } from "../../../schemas/StorageError.ts"
import type { Device, NewDevice } from "../Storage.ts"
import { dialectOf } from "./Dialect.ts"
import { noSuchUser, operation, type StorageShape, transaction } from "./Operation.ts"

type Devices = Pick<
  StorageShape,
  | "devices"
  | "saveDevice"
  | "replaceDeviceToken"
  | "deleteDevice"
  | "saveNudged"
  | "saveSeen"
  | "saveEndpoint"
>

export const make = (sql: SqlClient): Devices => {
  const dialect = dialectOf(sql)
  const item = sql.literal(dialect.keyOf("item_id"))

  const remove = Effect.fnUntraced(function* (user: UserNumber, device: number) {
    yield* sql`DELETE FROM outbox WHERE user_no = ${Number(user)} AND device_no = ${device}`
    yield* sql`DELETE FROM devices WHERE user_no = ${Number(user)} AND device_no = ${device}`
  })

  /** What waits for one device of a user shall wait for the other one; what waits for both, once. */
  const moveOutbox = (user: UserNumber, from: DeviceRow, to: DeviceRow) => sql`
    UPDATE outbox SET device_no = ${to.device_no}, platform = ${to.platform}
    WHERE user_no = ${Number(user)} AND device_no = ${from.device_no} AND NOT EXISTS (
      SELECT 1 FROM outbox other WHERE other.user_no = outbox.user_no AND other.device_no = ${to.device_no}
        AND other.kind = outbox.kind AND other.${item} = outbox.${item})`

  return {
    devices: (user) =>
      sql<DeviceRow>`SELECT * FROM devices WHERE user_no = ${Number(user)} ORDER BY device_no`.pipe(
        Effect.map((rows) => rows.map(deviceOf)),
        operation("devices")
      ),

    saveDevice: (user, device) =>
      dialect
        .lockUser(user)
        .pipe(Effect.zipRight(upsertDevice(sql, "saveDevice", user, device)), transaction(sql, "saveDevice")),

    replaceDeviceToken: Effect.fnUntraced(
      function* (user, oldToken, newToken, at) {
        yield* dialect.lockUser(user)
        const old = yield* deviceWithToken(sql, user, oldToken)
        if (old === undefined) return false
        const taken = oldToken === newToken ? undefined : yield* deviceWithToken(sql, user, newToken)
        if (taken !== undefined) {
          yield* moveOutbox(user, old, taken)
          yield* remove(user, old.device_no)
        }
        const isNew = taken === undefined && oldToken !== newToken
        const row = {
          ...dialect.long("token", newToken),
          registered_at: at,
          seen_at: at,
          ...(isNew ? NO_ENDPOINT : {})
        }
        yield* sql`
        UPDATE devices SET ${sql.update(row)}
        WHERE user_no = ${Number(user)} AND ${dialect.is("token", taken === undefined ? oldToken : newToken)}`
        return true
      },
      transaction(sql, "replaceDeviceToken")
    ),

    deleteDevice: Effect.fnUntraced(
      function* (user, { device, registeredAt, token }) {
        yield* dialect.lockUser(user)
        const found = yield* deviceWithToken(sql, user, token)
        if (found?.device_no !== device || found.registered_at !== registeredAt) return false
        yield* remove(user, device)
        return true
      },
      transaction(sql, "deleteDevice")
    ),

    saveNudged: (user, device, nudgedAt) =>
      sql`
        UPDATE devices SET nudged_at = ${JSON.stringify(nudgedAt)}
        WHERE user_no = ${Number(user)} AND device_no = ${device}`.pipe(
        Effect.asVoid,
        operation("saveNudged")
      ),

    saveSeen: (user, token, at) =>
      sql`
        UPDATE devices SET seen_at = ${at} WHERE user_no = ${Number(user)} AND ${dialect.is("token", token)}
          AND COALESCE(seen_at, registered_at) < ${at}`.pipe(Effect.asVoid, operation("saveSeen")),

    saveEndpoint: (user, token, { arn, registeredAt }) =>
      sql`
        UPDATE devices SET ${sql.update({ endpoint_arn: arn, endpoint_registered_at: registeredAt })}
        WHERE user_no = ${Number(user)} AND ${dialect.is("token", token)}`.pipe(
        Effect.asVoid,
        operation("saveEndpoint")
      )
  }
}

/** Part of a transaction: adds the device with the user's next number, or updates the one with this token. */
export const upsertDevice: (
  sql: SqlClient,
  method: "saveDevice" | "saveSubscribed",
  user: UserNumber,
  device: NewDevice
) => Effect.Effect<Device, SqlError | StorageError> = Effect.fnUntraced(
  function* (sql, method, user, device) {
    const dialect = dialectOf(sql)
    const isThisOne = dialect.is("token", device.token)
    const user_no = Number(user)
    const row = {
      platform: device.platform,
      bundle_id: device.bundleId,
      device_id: device.deviceId,
      policy: device.policy,
      sound: device.sound,
      environment: device.environment,
      registered_at: device.registeredAt,
      seen_at: device.registeredAt
    }
    const known = yield* deviceWithToken(sql, user, device.token)
    if (known !== undefined) {
      yield* sql`UPDATE devices SET ${sql.update(row)} WHERE user_no = ${user_no} AND ${isThisOne}`
      if (known.platform !== device.platform)
        yield* sql`
          UPDATE outbox SET platform = ${device.platform}
          WHERE user_no = ${user_no} AND device_no = ${known.device_no}`
      return deviceOf({ ...known, ...row })
    }
    const [user_] = yield* dialect.updated<{ readonly last_device_no: number }>(
      "users",
      sql`last_device_no = last_device_no + 1`,
      sql`user_no = ${user_no}`,
      "last_device_no"
    )
    if (user_ === undefined) return yield* noSuchUser(method)
    const added = { ...row, device_no: user_.last_device_no, nudged_at: "[]" }
    yield* sql`INSERT INTO devices ${sql.insert({ user_no, ...added, ...dialect.long("token", device.token) })}`
    return deviceOf({ ...added, token: device.token, ...NO_ENDPOINT })
  }
)

const deviceWithToken = (sql: SqlClient, user: UserNumber, token: string) =>
  Effect.map(
    sql<DeviceRow>`SELECT * FROM devices WHERE user_no = ${Number(user)} AND ${dialectOf(sql).is("token", token)}`,
    (rows) => rows[0]
  )

const NO_ENDPOINT = { endpoint_arn: null, endpoint_registered_at: null }

export interface DeviceRow {
  readonly device_no: number
  readonly token: string
  readonly platform: string
  readonly bundle_id: string
  readonly device_id: string | null
  readonly policy: number
  readonly sound: string | null
  readonly environment: string
  readonly registered_at: number
  readonly seen_at: number | null
  readonly nudged_at: string
  readonly endpoint_arn: string | null
  readonly endpoint_registered_at: number | null
}

export const deviceOf = (row: DeviceRow): Device => ({
  device: row.device_no as DeviceNumber,
  token: row.token,
  platform: row.platform as Platform,
  bundleId: row.bundle_id,
  deviceId: row.device_id,
  policy: row.policy as Policy,
  sound: row.sound,
  environment: row.environment as PushEnvironment,
  registeredAt: row.registered_at,
  seenAt: row.seen_at ?? row.registered_at,
  nudgedAt: JSON.parse(row.nudged_at) as ReadonlyArray<number>,
  ...(row.endpoint_arn !== null && {
    endpoint: { arn: row.endpoint_arn, registeredAt: row.endpoint_registered_at ?? 0 }
  })
})
