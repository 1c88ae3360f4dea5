import { faultOfError, type Mendable } from "../../layers/telemetry/FaultOf.ts"
import type { EnrolFailure } from "./EnrolFailure.ts"

/**
 * Why something failed, for a user's history: the fault's name, or what else tells it, and the host. Without what the error
 * itself says, which may be long.
 */
export const causeText = (error: EnrolFailure | Mendable): string => {
  switch (error._tag) {
    case "Unproven":
      return causeText(error.cause)
    case "NotStored":
      return "subscribed, but storage did not take it"
    case "NotActive":
      return "this node is not the active one"
    case "SealBroken":
      return "the credentials cannot be opened any more"
    default:
      return `${faultOfError(error) ?? error._tag}${where(error)}`
  }
}

const where = (error: Mendable): string => {
  if (!("host" in error)) return ""
  return "responseCode" in error && error.responseCode !== ""
    ? ` at ${error.host} (${error.responseCode})`
    : ` at ${error.host}`
}
