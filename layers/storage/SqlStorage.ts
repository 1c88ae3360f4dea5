import { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Layer } from "effect"
import { Storage } from "./Storage.ts"
import * as Administration from "./sql/Administration.ts"
import * as DeadLetters from "./sql/DeadLetters.ts"
import * as Devices from "./sql/Devices.ts"
import * as Dossiers from "./sql/Dossiers.ts"
import * as Histories from "./sql/Histories.ts"
import * as HotStates from "./sql/HotStates.ts"
import * as KeyVersions from "./sql/KeyVersions.ts"
import * as Meta from "./sql/Meta.ts"
import * as Outbox from "./sql/Outbox.ts"
import * as Partials from "./sql/Partials.ts"
import * as PoolKeys from "./sql/PoolKeys.ts"
import * as Retention from "./sql/Retention.ts"
import * as Subscriptions from "./sql/Subscriptions.ts"
import * as Tenants from "./sql/Tenants.ts"
import * as TokenLives from "./sql/TokenLives.ts"
import * as Users from "./sql/Users.ts"
import * as WrappedKeys from "./sql/WrappedKeys.ts"

/**
 * Storage as SQL statements, a file a subject under sql/, in the words of the database that the clients talk to
 * (sql/Dialect.ts). The schema must be up to date (Migrations.ts). `location` is for messages.
 *
 * `ofUsers` is for what only the node that acts for the users may write; every node may write the rest.
 */
export const make = (location: string, sql: SqlClient, ofUsers: SqlClient = sql): typeof Storage.Service => ({
  location,
  ...Meta.make(sql),
  ...Tenants.make(sql),
  ...TokenLives.make(sql),
  ...Administration.make(sql),
  ...PoolKeys.make(sql),
  ...WrappedKeys.make(sql),
  ...Users.make(ofUsers),
  ...KeyVersions.make(ofUsers),
  ...Subscriptions.make(ofUsers),
  ...HotStates.make(ofUsers),
  ...Partials.make(ofUsers),
  ...Devices.make(ofUsers),
  ...Dossiers.make(ofUsers),
  ...Outbox.make(ofUsers),
  ...Retention.make(ofUsers),
  ...DeadLetters.make(ofUsers),
  ...Histories.make(ofUsers)
})

export const layer = (location: string): Layer.Layer<Storage, never, SqlClient> =>
  Layer.effect(
    Storage,
    Effect.map(SqlClient, (sql) => make(location, sql))
  )
