import { existsSync } from "node:fs"
import { Effect, Layer, Redacted } from "effect"
import * as Ownership from "../../layers/ownership/Ownership.ts"
import type { Storage } from "../../layers/storage/Storage.ts"
import * as Audit from "../../layers/telemetry/Audit.ts"
import { Settings } from "../../schemas/Settings.ts"
import * as Database from "../Database.ts"
import { type Deed, recorded } from "./Audited.ts"

/**
 * Runs a command that needs no database, and records how it ended. It has to work while the database is away, and none is
 * made for the record: then that is in `ENS_AUDIT_FILE` alone.
 */
export const auditedAside = <A, E>(deed: Deed<A>, command: Effect.Effect<A, E, Settings>) =>
  Effect.provide(recorded(deed, command), audit)

const audit: Layer.Layer<Audit.Audit, never, Settings> = Layer.unwrapEffect(
  Effect.map(Settings, ({ databaseUrl }): Layer.Layer<Audit.Audit, never, Settings> => {
    const url = Redacted.value(databaseUrl)
    if (url.startsWith("file:") && !existsSync(url.slice("file:".length))) return Audit.layerWithoutStorage
    return Audit.layer.pipe(
      Layer.provide(opened),
      Layer.catchAll((error) =>
        Layer.merge(
          Layer.effectDiscard(Effect.logWarning(`an audit event is not stored. ${error.message}`)),
          Audit.layerWithoutStorage
        )
      )
    )
  })
)

const opened: Layer.Layer<
  Storage,
  Layer.Layer.Error<typeof Database.storage>,
  Settings
> = Database.storage.pipe(Layer.provide(Ownership.layerAll))
