import { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Layer } from "effect"
import { Storage } from "./Storage.ts"
import * as DeadLetters from "./sql/DeadLetters.ts"
import * as Devices from "./sql/Devices.ts"
import * as Dossiers from "./sql/Dossiers.ts"
import * as HotStates from "./sql/HotStates.ts"
import * as KeyVersions from "./sql/KeyVersions.ts"
import * as Meta from "./sql/Meta.ts"
import * as Outbox from "./sql/Outbox.ts"
import * as Partials from "./sql/Partials.ts"
import * as PoolKeys from "./sql/PoolKeys.ts"
import * as Retention from "./sql/Retention.ts"
import * as Subscriptions from "./sql/Subscriptions.ts"
import * as Tenants from "./sql/Tenants.ts"
import * as Users from "./sql/Users.ts"
import * as WrappedKeys from "./sql/WrappedKeys.ts"

/**
 * Storage as SQL statements, a file a subject under sql/. The schema must be up to date (Migrations.ts). `location` is
 * for messages.
 *
 * What another dialect has to say differently, and no more: `RETURNING` after UPDATE and DELETE, `ON CONFLICT`, `LIMIT`,
 * `json_each`, `unhex`, row counts (`affected` in sql/Operation.ts), and the result codes that are transient.
 */
export const layer = (location: string): Layer.Layer<Storage, never, SqlClient> =>
  Layer.effect(
    Storage,
    Effect.map(SqlClient, (sql) => ({
      location,
      ...Meta.make(sql),
      ...Tenants.make(sql),
      ...PoolKeys.make(sql),
      ...Users.make(sql),
      ...KeyVersions.make(sql),
      ...WrappedKeys.make(sql),
      ...Subscriptions.make(sql),
      ...HotStates.make(sql),
      ...Partials.make(sql),
      ...Devices.make(sql),
      ...Dossiers.make(sql),
      ...Outbox.make(sql),
      ...Retention.make(sql),
      ...DeadLetters.make(sql)
    }))
  )
