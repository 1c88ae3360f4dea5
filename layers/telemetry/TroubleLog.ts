import { Effect } from "effect"
import { type Mendable, troubleOf } from "./FaultOf.ts"
import { reportTrouble } from "./Troubles.ts"

/** Reports a failure whose warning has words of its own, and a line for each user that it meets. */
export const warnOf = (error: Mendable, message: string): Effect.Effect<void> =>
  tellingOf(error, Effect.logWarning(message))

/** The same around the line itself, whatever its level is. */
export const tellingOf = <A, E, R>(error: Mendable, line: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const trouble = troubleOf(error)
  return trouble === undefined
    ? line
    : Effect.zipRight(
        reportTrouble({ ...trouble, told: true }),
        Effect.annotateLogs(line, "fault", trouble.fault)
      )
}
