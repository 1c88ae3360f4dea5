import { Effect, Layer, Logger, LogLevel } from "effect"
import { Settings, type SettingsShape } from "../../schemas/Settings.ts"
import { formats } from "./LogFormat.ts"
import { type LogFileUnusable, toFile, toStandardError } from "./LogSink.ts"

/**
 * Log lines as `ENS_LOG_FORMAT`, `ENS_LOG_LEVEL` and `ENS_LOG_FILE` say. Annotate `activityId`, `userId` and `logger`;
 * whatever is secret must be `Redacted`, which prints as `<redacted>`.
 */
export const layer: Layer.Layer<never, LogFileUnusable, Settings> = Layer.unwrapScoped(
  Effect.gen(function* () {
    const { file, format, level } = (yield* Settings).log
    const sink = file === undefined ? yield* toStandardError : yield* toFile(file)
    const logger = formats(file === undefined && process.stderr.isTTY)[format]
    return Layer.merge(
      Logger.replace(Logger.defaultLogger, Logger.map(logger, sink)),
      Logger.minimumLogLevel(LEVELS[level])
    )
  })
)

const LEVELS: Readonly<Record<SettingsShape["log"]["level"], LogLevel.LogLevel>> = {
  trace: LogLevel.Trace,
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warning: LogLevel.Warning,
  error: LogLevel.Error
}
