import { Effect } from "effect"
import type { FaultName } from "../../schemas/Fault.ts"
import { faultOfError, type Mendable, troubleOf } from "./FaultOf.ts"
import { reportTrouble } from "./Troubles.ts"

/** The field of a line that tells a consequence of a trouble which somebody else reports. */
export const faultField = (error: Mendable): { readonly fault?: FaultName } => {
  const fault = faultOfError(error)
  return fault === undefined ? {} : { fault }
}

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
