import { EwsBlocked, EwsBusy, EwsUnusable } from "../../schemas/EwsError.ts"
import { retryAfter } from "../net/RetryAfter.ts"
import type { CallSite } from "./EwsErrors.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"

/**
 * What a Secure Email Gateway says by itself, in front of Exchange (contract section 3); undefined if the answer is
 * Exchange's. `now`: milliseconds since 1970, for `Retry-After`.
 */
export const gatewayRefusal = (
  site: CallSite,
  { headers, status }: HttpAnswer,
  now: number
): EwsBlocked | EwsBusy | EwsUnusable | undefined => {
  switch (status) {
    case 400:
    case 403:
      return new EwsBlocked({ ...site, status })
    case 204:
      return new EwsBusy({
        ...site,
        responseCode: "Secure Email Gateway has not loaded its policy yet",
        retryAfter: retryAfter([headers["retry-after"] ?? []].flat()[0], now)
      })
    case 404:
      return new EwsUnusable({
        ...site,
        status,
        reason: "the EWS proxy is not enabled on the Secure Email Gateway"
      })
    default:
      return undefined
  }
}
