import { existsSync } from "node:fs"
import { Effect, Layer, type Scope } from "effect"
import * as Ownership from "../../layers/ownership/Ownership.ts"
import * as MigrationPlan from "../../layers/storage/MigrationPlan.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { toldOf } from "../../layers/storage/StorageWatch.ts"
import { Settings, type SettingsShape } from "../../schemas/Settings.ts"
import * as Database from "../Database.ts"

/** What there is of a database. It is opened only if that changes nothing: a doctor neither makes nor upgrades one. */
export type FoundStorage =
  | {
      readonly _tag: "Opened"
      readonly storage: Storage["Type"]
      readonly database: Database.Database
      /** Of its schema. */
      readonly version: number
    }
  /** There is none yet, or none of this version. */
  | { readonly _tag: "NotYet"; readonly says: string }
  /** `transient`: it may be there again later. */
  | { readonly _tag: "Trouble"; readonly says: string; readonly transient: boolean }

/** Looks for the database of these settings. Takes no lock, and closes it with the scope. */
export const findStorage = (settings: SettingsShape): Effect.Effect<FoundStorage, never, Scope.Scope> =>
  Effect.gen(function* () {
    const database = yield* Database.databaseOf(settings)
    if (database._tag === "File" && !existsSync(database.path)) {
      return {
        _tag: "NotYet",
        says: `there is no ${database.path} yet; ens init or ens start makes it`
      } satisfies FoundStorage
    }
    const plan = yield* database._tag === "File"
      ? MigrationPlan.ofSqlite(database.path)
      : MigrationPlan.ofMssql(database.config)
    if (plan.missing.length > 0) {
      const has =
        plan.found === 0 ? "no schema yet" : `schema ${plan.found}, this version needs ${plan.known}`
      return {
        _tag: "NotYet",
        says: `${plan.database} has ${has}; ens migrate or ens start brings it up to date`
      } satisfies FoundStorage
    }
    const context = yield* Layer.build(
      Database.storage.pipe(
        Layer.provide(Ownership.layerAll),
        Layer.provide(Layer.succeed(Settings, settings))
      )
    )
    const storage = yield* Effect.provide(Storage, context)
    return { _tag: "Opened", storage, database, version: plan.found } satisfies FoundStorage
  }).pipe(
    Effect.catchAll((error) =>
      Effect.succeed<FoundStorage>({
        _tag: "Trouble",
        says: error._tag === "StorageError" ? toldOf(error) : error.message,
        transient: error._tag === "StorageError"
      })
    )
  )
