import { Effect, Either, Layer, Redacted } from "effect"
import * as FileLock from "../layers/ownership/FileLock.ts"
import * as LeaseOwnership from "../layers/ownership/LeaseOwnership.ts"
import type { Ownership } from "../layers/ownership/Ownership.ts"
import * as MeasuredStorage from "../layers/storage/MeasuredStorage.ts"
import * as MssqlStorage from "../layers/storage/MssqlStorage.ts"
import { type MssqlConfig, parseMssqlUrl } from "../layers/storage/mssql/MssqlUrl.ts"
import * as SqliteStorage from "../layers/storage/SqliteStorage.ts"
import type { Storage } from "../layers/storage/Storage.ts"
import { Settings } from "../schemas/Settings.ts"
import { ConfigProblem } from "./Config.ts"

/** A database as the settings name it: a path, or how to reach a server. */
export type Database =
  | { readonly _tag: "File"; readonly path: string }
  | { readonly _tag: "Mssql"; readonly config: MssqlConfig }

/** Reads ENS_DATABASE_URL. What is wrong with it is said without quoting it. */
export const databaseOf = ({ databaseUrl }: Settings["Type"]): Effect.Effect<Database, ConfigProblem> => {
  const url = Redacted.value(databaseUrl)
  if (!url.startsWith("file:")) {
    return Either.match(parseMssqlUrl(databaseUrl), {
      onLeft: (problem) => new ConfigProblem({ problems: [problem] }),
      onRight: (config) => Effect.succeed({ _tag: "Mssql", config })
    })
  }
  const path = url.slice("file:".length)
  return path === "" || path.startsWith(":")
    ? new ConfigProblem({
        problems: [
          "ENS_DATABASE_URL must name a file, like file:/var/lib/ens/ens.db; a database in memory forgets everything"
        ]
      })
    : Effect.succeed({ _tag: "File", path })
}

/** Storage in the database, brought up to date. */
export const storage = Layer.unwrapEffect(
  Effect.map(
    Effect.flatMap(Settings, databaseOf),
    (database): Layer.Layer<Storage, Layer.Layer.Error<ReturnType<typeof MssqlStorage.layer>>, Ownership> =>
      MeasuredStorage.layer(
        database._tag === "File" ? SqliteStorage.layer(database.path) : MssqlStorage.layer(database.config)
      )
  )
)

type NotOwned =
  | Layer.Layer.Error<ReturnType<typeof FileLock.layer>>
  | Layer.Layer.Error<ReturnType<typeof LeaseOwnership.layer>>
  | Effect.Effect.Error<ReturnType<typeof migrated>>

/**
 * Which node serves the database: of a file the only one, whoever comes second fails; of a server the one with the lease,
 * others are standbys. For the service; commands use `Ownership.layerAll`, which locks nothing.
 */
export const ownership = Layer.unwrapEffect(
  Effect.map(
    Effect.flatMap(Settings, databaseOf),
    (database): Layer.Layer<Ownership, NotOwned> =>
      database._tag === "File"
        ? FileLock.layer(database.path)
        : LeaseOwnership.layer(database.config).pipe(
            // The lease is a table of the schema.
            Layer.provide(Layer.effectDiscard(migrated(database.config)))
          )
  )
)

const migrated = (config: MssqlConfig) =>
  Effect.catchTag(MssqlStorage.upToDate(config), "SqlError", (error) =>
    Effect.fail(MssqlStorage.openError(config, error))
  )
