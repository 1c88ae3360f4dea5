import { Effect } from "effect"
import { faultField } from "../../layers/telemetry/TroubleLog.ts"
import type { StorageError } from "../../schemas/StorageError.ts"

/**
 * Says what storage's failure meant for one callback. While storage is away that is true of hundreds a second, and the
 * write-behind has told it once: then it is for whoever looks for details.
 */
export const logTrouble = (message: string, error: StorageError): Effect.Effect<void> => {
  const log = error.transient ? Effect.logDebug : Effect.logError
  return Effect.annotateLogs(log(message, { reason: error.message }), faultField(error))
}
