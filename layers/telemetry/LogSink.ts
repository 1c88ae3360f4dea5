import { appendFileSync, closeSync, mkdirSync, openSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import { Effect, Schema, type Scope } from "effect"

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
 * Appends to the file, made with its directory if missing. Written at once and in order, so that the lines before a crash
 * are there; `copytruncate` rotation works.
 */
export const toFile = (file: string): Effect.Effect<LogSink, LogFileUnusable, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        mkdirSync(dirname(file), { recursive: true })
        return { descriptor: openSync(file, "a", 0o640), closed: false }
      },
      catch: (cause) =>
        new LogFileUnusable({
          file,
          code: cause instanceof Error && "code" in cause ? String(cause.code) : "?"
        })
    }),
    (open) =>
      Effect.sync(() => {
        open.closed = true
        closeSync(open.descriptor)
      })
  ).pipe(
    Effect.map((open): LogSink => {
      let failing = false
      return (line) => {
        try {
          // Fibers that end late still report; by then the number may belong to another file, the database perhaps.
          if (open.closed) appendFileSync(file, `${line}\n`)
          else writeSync(open.descriptor, `${line}\n`)
          failing = false
        } catch (cause) {
          // Once per outage; the line itself is lost.
          if (!failing) process.stderr.write(`ENS_LOG_FILE: ${file} cannot be written: ${cause}\n`)
          failing = true
        }
      }
    })
  )

const ignore = () => {}
