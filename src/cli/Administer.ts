import { Effect, Option } from "effect"
import type { Storage } from "../../layers/storage/Storage.ts"
import * as Logging from "../../layers/telemetry/Logging.ts"
import type { Settings } from "../../schemas/Settings.ts"
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

/** The same with the database, whose schema is brought up to date, and which must be of this master key. */
export const withStorage = <A, E>(
  configFile: Option.Option<string>,
  command: Effect.Effect<A, E, Settings | Storage>
) => withSettings(configFile, Effect.provide(command, Service.data))
