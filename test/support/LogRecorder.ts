import { Cause, Layer, Logger, LogLevel } from "effect"

/** A line of the log: level and everything that was said, causes included. */
export interface LogLine {
  readonly level: string
  readonly text: string
}

/** Collects log lines of every level and prints none. */
export const layer = (lines: Array<LogLine>): Layer.Layer<never> =>
  Layer.merge(
    Logger.minimumLogLevel(LogLevel.All),
    Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ annotations, cause, logLevel, message }) => {
        const said = [message].flat().map((part) => (typeof part === "string" ? part : JSON.stringify(part)))
        const causes = Cause.isEmpty(cause) ? [] : [Cause.pretty(cause)]
        lines.push({
          level: logLevel.label,
          text: [...said, ...causes, JSON.stringify(annotations)].join(" ")
        })
      })
    )
  )
