import { SqlClient } from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Layer } from "effect"
import type { SchemaTooNew } from "../../schemas/StorageError.ts"
import { StorageError } from "../../schemas/StorageError.ts"
import { Ownership } from "../ownership/Ownership.ts"
import * as LimitedStorage from "./LimitedStorage.ts"
import { migrate } from "./Migrations.ts"
import { adviceOf } from "./MssqlAdvice.ts"
import * as MssqlClient from "./mssql/MssqlClient.ts"
import { locationOf, type MssqlConfig } from "./mssql/MssqlUrl.ts"
import * as SqlStorage from "./SqlStorage.ts"
import { Storage } from "./Storage.ts"
import { storageError } from "./sql/Operation.ts"

/**
 * Storage in a database of SQL Server, which must be there; it is brought up to the schema of this version. What belongs to
 * users is written only while the epoch of this node's tenure is the database's.
 *
 * Fails when the server cannot be reached or does not let us in, and says what to check. After that it is never given up:
 * a call that finds no server fails, the next one tries again.
 */
export const layer = (config: MssqlConfig): Layer.Layer<Storage, StorageError | SchemaTooNew, Ownership> =>
  Layer.scoped(
    Storage,
    Effect.gen(function* () {
      const ownership = yield* Ownership
      yield* warnOfOpenness(config)
      yield* upToDate(config)
      const sql = yield* MssqlClient.make(config)
      const storage = SqlStorage.make(
        locationOf(config),
        sql,
        sql.fencedBy(() => ownership.epoch())
      )
      return LimitedStorage.limited(storage, config.connectTimeout + config.requestTimeout)
    }).pipe(Effect.catchTag("SqlError", (error) => Effect.fail(openError(config, error))))
  )

/** What the URL gives up on the way to the server; such a start is not refused, for databases on the same machine. */
export const warnOfOpenness = ({ encrypt, trustServerCertificate }: MssqlConfig): Effect.Effect<void> =>
  !encrypt
    ? Effect.logWarning(
        "ENS_DATABASE_URL has encrypt=false: whoever is between ENS and SQL Server reads and changes what is stored; remove it"
      )
    : trustServerCertificate
      ? Effect.logWarning(
          "ENS_DATABASE_URL has trustServerCertificate=true: whoever is between ENS and SQL Server can pretend to be that; give caFile= or serverName= instead"
        )
      : Effect.void

/** ms: a step may build an index of a big table, and another node may be at it already. */
const MIGRATE_WITHIN = 15 * 60_000

/** Brings the database up to the schema of this version. */
export const upToDate = (config: MssqlConfig) =>
  MssqlClient.single(config, { connectTimeout: config.connectTimeout, requestTimeout: MIGRATE_WITHIN }).pipe(
    Effect.flatMap((sql) => Effect.provideService(migrate(), SqlClient, sql)),
    Effect.scoped
  )

/** Why the database could not be opened, and what to do. */
export const openError = (config: MssqlConfig, error: SqlError): StorageError => {
  const { cause, operation, transient } = storageError("open", error)
  return new StorageError({ operation, transient, cause, detail: adviceOf(config, cause) })
}
