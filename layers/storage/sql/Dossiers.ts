import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Option } from "effect"
import type { StoredDossier } from "../Storage.ts"
import { type DeviceRow, deviceOf } from "./Devices.ts"
import { operation, type StorageShape } from "./Operation.ts"
import { type LastingRow, lastingOf } from "./Subscriptions.ts"
import { type UserRow, userOf } from "./Users.ts"

/** One statement, because each one costs about as much as all that it reads here: a row for each device, or one if there is none. */
export const make = (sql: SqlClient): Pick<StorageShape, "dossier"> => ({
  dossier: (user) =>
    sql<DossierRow>`
      SELECT u.user_no, u.tenant_no, u.user_id, u.created_at, u.seal_key, u.seal_key_made_at, u.refused, u.fingerprint, u.bucket,
        c.wrapped AS callback_key,
        s.generation, s.subscription_id, s.ews_url, s.exchange_version, s.auth_type, s.token_expires_at,
        s.subscribed_at, s.form, s.link, s.link_since, s.nudges,
        d.device_no, d.token, d.platform, d.bundle_id, d.device_id, d.policy, d.sound, d.environment,
        d.registered_at, d.seen_at, d.nudged_at, d.endpoint_arn, d.endpoint_registered_at
      FROM users u
      LEFT JOIN callback_keys c ON c.user_no = u.user_no
      LEFT JOIN subscriptions s ON s.user_no = u.user_no
      LEFT JOIN devices d ON d.user_no = u.user_no
      WHERE u.user_no = ${Number(user)} ORDER BY d.device_no`.pipe(
      Effect.map((rows) => Option.map(Option.fromNullable(rows[0]), (first) => dossierOf(first, rows))),
      operation("dossier")
    )
})

type DossierRow = UserRow &
  Pick<LastingRow, "bucket"> &
  OrNulls<Omit<LastingRow, keyof UserRow | "bucket">> &
  OrNulls<DeviceRow>
type OrNulls<Row> = Row | { readonly [Column in keyof Row]: null }

const dossierOf = (first: DossierRow, rows: ReadonlyArray<DossierRow>): StoredDossier => ({
  user: userOf(first),
  subscription: first.generation === null ? undefined : lastingOf(first),
  devices: rows.flatMap((row) => (row.device_no === null ? [] : deviceOf(row)))
})
