import { appendFileSync } from "node:fs"
import { Effect, Schema, type Scope } from "effect"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { RotatingFile } from "./RotatingFile.ts"

/** The log file cannot be opened. */
export class LogFileUnusable extends Schema.TaggedError<LogFileUnusable>()("LogFileUnusable", {
  file: Schema.String,
  code: Schema.String
}) {
  override get message() {
    return `ENS_LOG_FILE: ${this.file} cannot be written (${this.code}); check path and rights`
  }
}

/** Takes a line without its end. Never throws: a full disk must not stop the service. */
export type LogSink = (line: string) => void

/** Standard error, so that what commands print stays apart from what they log. */
export const toStandardError: Effect.Effect<LogSink, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    // A reader that went away would otherwise end the process.
    Effect.sync(() => void process.stderr.on("error", ignore)),
    () => Effect.sync(() => void process.stderr.off("error", ignore))
  ),
  () => (line) => void process.stderr.write(`${line}\n`)
)

/**
 * Appends to the file, made with its directory if missing, and puts it aside as `rotation` says. Written at once and in
 * order, so that the lines before a crash are there.
 */
export const toFile = (
  file: string,
  rotation: SettingsShape["logRotation"] = NEVER
): Effect.Effect<LogSink, LogFileUnusable, Scope.Scope> =>
  Effect.flatMap(Effect.clock, (clock) =>
    Effect.acquireRelease(
      Effect.try({
        try: () => ({
          lines: new RotatingFile(file, rotation, () => clock.unsafeCurrentTimeMillis()),
          closed: false
        }),
        catch: (cause) =>
          new LogFileUnusable({
            file,
            code: cause instanceof Error && "code" in cause ? String(cause.code) : "?"
          })
      }),
      (open) =>
        Effect.sync(() => {
          open.closed = true
          open.lines.close()
        })
    )
  ).pipe(
    Effect.map((open): LogSink => {
      let lost = 0
      return (line) => {
        try {
          // Fibers that end late still report; by then the number may belong to another file, the database perhaps.
          if (open.closed) appendFileSync(file, `${line}\n`)
          else open.lines.write(line)
          if (lost > 0)
            process.stderr.write(`ENS_LOG_FILE: ${file} is written again; ${lost} lines are lost\n`)
          lost = 0
        } catch (cause) {
          // Once per outage.
          if (lost === 0) process.stderr.write(`ENS_LOG_FILE: ${file} cannot be written: ${cause}\n`)
          lost++
        }
      }
    })
  )

const NEVER: SettingsShape["logRotation"] = { size: undefined, age: undefined, keep: 0 }

const ignore = () => {}
