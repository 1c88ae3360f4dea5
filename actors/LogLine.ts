import { Effect, Runtime } from "effect"
import type { UserNumber } from "../schemas/Ids.ts"
import { cleanRuntime } from "./CleanRuntime.ts"

/** Writes a log line from outside of a fiber. */
export type LogLine = (
  user: UserNumber,
  level: "debug" | "info" | "warning" | "error",
  message: string,
  activityId?: string,
  details?: Record<string, unknown>
) => void

export const makeLogLine: Effect.Effect<LogLine> = Effect.map(cleanRuntime<never>(), (runtime) => {
  const fork = Runtime.runFork(runtime)
  const write = {
    debug: Effect.logDebug,
    info: Effect.logInfo,
    warning: Effect.logWarning,
    error: Effect.logError
  }
  return (user, level, message, activityId, details) => {
    const line = details === undefined ? write[level](message) : write[level](message, details)
    fork(Effect.annotateLogs(line, activityId === undefined ? { user } : { user, activityId }))
  }
})
