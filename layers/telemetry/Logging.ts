import { Effect, Layer, Logger, LogLevel } from "effect"
import { Settings } from "../../schemas/Settings.ts"
import { formats } from "./LogFormat.ts"
import * as LogLevels from "./LogLevels.ts"
import { type LogFileUnusable, toFile, toStandardError } from "./LogSink.ts"

/**
 * Log lines as `ENS_LOG_FORMAT`, `ENS_LOG_LEVEL` and `ENS_LOG_FILE` say; the level can be changed (LogLevels.ts). Annotate `activityId`, `userId` and `logger`;
 * whatever is secret must be `Redacted`, which prints as `<redacted>`.
 */
export const layer: Layer.Layer<never, LogFileUnusable, Settings> = Layer.unwrapScoped(
  Effect.gen(function* () {
    const { log, logRotation } = yield* Settings
    const { file, format } = log
    const sink = file === undefined ? yield* toStandardError : yield* toFile(file, logRotation)
    const logger = formats(file === undefined && wantsColor())[format]
    return Layer.merge(instead(Logger.map(logger, sink)), LogLevels.layer)
  })
)

/** Only errors and warnings, for eyes, on standard error: for commands that start no service. */
export const layerWarnings: Layer.Layer<never> = Layer.unwrapScoped(
  Effect.map(toStandardError, (sink) =>
    Layer.merge(
      instead(Logger.map(formats(wantsColor()).pretty, sink)),
      Logger.minimumLogLevel(LogLevel.Warning)
    )
  )
)

/** `NodeRuntime.runMain` puts another logger in the default one's place; with that left, every line would come twice. */
const instead = (logger: Logger.Logger<unknown, void>) =>
  Layer.merge(Logger.replace(Logger.defaultLogger, logger), Logger.remove(Logger.prettyLoggerDefault))

/** Colours are for terminals, and not for those who have set NO_COLOR (no-color.org). */
const wantsColor = (): boolean => process.stderr.isTTY && (process.env.NO_COLOR ?? "") === ""
