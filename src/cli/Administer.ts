import { Effect, Layer, Logger, LogLevel, Option } from "effect"
import type { Storage } from "../../layers/storage/Storage.ts"
import { formats } from "../../layers/telemetry/LogFormat.ts"
import { toStandardError } from "../../layers/telemetry/LogSink.ts"
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
    Effect.provide(warnings)
  )

/** The same with the database, whose schema is brought up to date, and which must be of this master key. */
export const withStorage = <A, E>(
  configFile: Option.Option<string>,
  command: Effect.Effect<A, E, Settings | Storage>
) => withSettings(configFile, Effect.provide(command, Service.data))

const warnings: Layer.Layer<never> = Layer.unwrapScoped(
  Effect.map(toStandardError, (sink) =>
    Layer.merge(
      Logger.replace(Logger.defaultLogger, Logger.map(formats(process.stderr.isTTY).pretty, sink)),
      Logger.minimumLogLevel(LogLevel.Warning)
    )
  )
)
