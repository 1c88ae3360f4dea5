import { Effect, Runtime } from "effect"
import type { UserNumber } from "../schemas/Ids.ts"
import { cleanRuntime } from "./CleanRuntime.ts"
import { Dossiers } from "./Dossiers.ts"
import { namedDossier } from "./jobs/NamedDossier.ts"

/** Writes a log line from outside of a fiber. */
export type LogLine = (
  user: UserNumber,
  level: "debug" | "info" | "warning" | "error",
  message: string,
  activityId?: string,
  details?: Record<string, unknown>
) => void

/** Who knows the user's hash names him by it, also while storage is away; each line is an activity's. */
export const makeLogLine: Effect.Effect<LogLine, never, Dossiers> = Effect.gen(function* () {
  const dossiers = yield* Dossiers
  const fork = Runtime.runFork(yield* cleanRuntime<never>())
  const write = {
    debug: Effect.logDebug,
    info: Effect.logInfo,
    warning: Effect.logWarning,
    error: Effect.logError
  }
  return (user, level, message, activityId, details) => {
    const line = details === undefined ? write[level](message) : write[level](message, details)
    fork(Effect.zipRight(Effect.ignore(namedDossier(dossiers, user, activityId)), line))
  }
})
