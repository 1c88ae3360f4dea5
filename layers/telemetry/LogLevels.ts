import { Clock, Context, Duration, Effect, FiberHandle, Layer, Logger, LogLevel } from "effect"
import { Settings, type SettingsShape } from "../../schemas/Settings.ts"

/** What is logged: lines of this level and above. */
export type Level = SettingsShape["log"]["level"]

/** The level of now. */
export interface LevelNow {
  readonly level: Level
  /** When the settings' level comes back; milliseconds since 1970, undefined = with the next start. */
  readonly until: number | undefined
}

export interface LogLevelsShape {
  readonly current: Effect.Effect<LevelNow>
  /**
   * From now on this level, for everything that runs, until then (milliseconds since 1970; undefined = until the next
   * start). The settings' own level, or a time that has passed, ends an earlier `set`. Whoever calls tells log and audit.
   */
  readonly set: (level: Level, until: number | undefined) => Effect.Effect<void>
}

/**
 * The level of the log, changeable while the service runs. A reference and no requirement: where `layer` is missing (tests,
 * commands), nothing can be changed.
 */
export class LogLevels extends Context.Reference<LogLevels>()("ens/LogLevels", {
  defaultValue: (): LogLevelsShape => fixed
}) {}

/**
 * Logs from the settings' level on, and from another one while `set` says so.
 *
 * Every fiber inherits the same threshold, an object whose `ordinal` changes: what is below costs as little as with a fixed
 * level, and running fibers follow at once.
 */
export const layer: Layer.Layer<never, never, Settings> = Layer.unwrapScoped(
  Effect.gen(function* () {
    const usual = (yield* Settings).log.level
    const threshold = new Threshold(usual)
    const handle = yield* FiberHandle.make()
    let until: number | undefined
    const back = Effect.suspend(() => {
      threshold.level = usual
      until = undefined
      return Effect.annotateLogs(Effect.logInfo(`the log level is ${usual} again`), { logger: "LogLevels" })
    })
    const levels: LogLevelsShape = {
      current: Effect.sync(() => ({ level: threshold.level, until })),
      set: (level, end) =>
        Effect.gen(function* () {
          yield* FiberHandle.clear(handle)
          const over = end !== undefined && end <= (yield* Clock.currentTimeMillis)
          threshold.level = over ? usual : level
          until = over || level === usual ? undefined : end
          if (until === undefined) return
          yield* FiberHandle.run(handle, Effect.zipRight(sleepUntil(until), back))
        })
    }
    return Layer.merge(
      Logger.minimumLogLevel(threshold as unknown as LogLevel.LogLevel),
      Layer.succeed(LogLevels, levels)
    )
  })
)

/** Stands where a `LogLevel` is expected; Effect compares nothing but `ordinal`. */
class Threshold {
  level: Level
  readonly _tag = "Threshold"
  readonly label = "THRESHOLD"
  readonly syslog = 0

  constructor(level: Level) {
    this.level = level
  }

  get ordinal(): number {
    return LEVELS[this.level].ordinal
  }
}

const LEVELS: Readonly<Record<Level, LogLevel.LogLevel>> = {
  trace: LogLevel.Trace,
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warning: LogLevel.Warning,
  error: LogLevel.Error
}

/** In steps: a timer takes at most 24.8 days, and a suspended machine's clock jumps. */
const sleepUntil = (end: number): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    now >= end
      ? Effect.void
      : Effect.zipRight(
          Effect.sleep(Duration.millis(Math.min(end - now, 60_000))),
          Effect.suspend(() => sleepUntil(end))
        )
  )

const fixed: LogLevelsShape = {
  current: Effect.succeed({ level: "info", until: undefined }),
  set: () => Effect.void
}
