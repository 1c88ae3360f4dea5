import { existsSync } from "node:fs"
import { Effect, Option, Redacted } from "effect"
import type { Storage } from "../../layers/storage/Storage.ts"
import * as Logging from "../../layers/telemetry/Logging.ts"
import { Settings } from "../../schemas/Settings.ts"
import * as Config from "../Config.ts"
import * as Service from "../Service.ts"

/** Settings for a command that starts no service; warnings go to standard error, away from the command's output. */
export const withSettings = <A, E>(
  configFile: Option.Option<string>,
  command: Effect.Effect<A, E, Settings>
) =>
  command.pipe(
    Effect.provide(Config.layer({ file: Option.getOrUndefined(configFile), purpose: "administer" })),
    Effect.provide(Logging.layerWarnings)
  )

/** Who forgot `--config` is told that this makes another database than the service has. */
const toldIfNew: Effect.Effect<void, never, Settings> = Effect.flatMap(Settings, ({ databaseUrl }) => {
  const url = Redacted.value(databaseUrl)
  const path = url.slice("file:".length)
  return url.startsWith("file:") && !existsSync(path)
    ? Effect.logWarning(
        `there was no database, so one is made: ${path}; if the service has another, give this command the same settings with --config`
      )
    : Effect.void
})

/**
 * The same with the database, whose schema is brought up to date, and which must be of this master key. For a command that
 * reads what is there.
 */
export const withStorage = <A, E>(
  configFile: Option.Option<string>,
  command: Effect.Effect<A, E, Settings | Storage>
) => withSettings(configFile, Effect.zipRight(toldIfNew, Effect.provide(command, Service.data)))
