import { EwsBusy, EwsRefused } from "../../schemas/EwsError.ts"
import { RETRY_AFTER_MAX } from "../net/RetryAfter.ts"

/** What an error tells of the call that it belongs to. */
export interface CallSite {
  readonly operation: string
  /** Host and port of the endpoint. */
  readonly host: string
}

/**
 * Response codes after which the same call may succeed later (FACTS section 5; the grouping is ours). All others are
 * permanent as far as the call goes.
 */
export const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  "ErrorServerBusy",
  "ErrorADUnavailable",
  "ErrorBatchProcessingStopped",
  "ErrorConnectionFailed",
  "ErrorExceededConnectionCount",
  "ErrorInsufficientResources",
  // What a throttled call says is sometimes wrapped into this one.
  "ErrorInternalServerError",
  "ErrorInternalServerTransientError",
  "ErrorMailboxFailover",
  "ErrorMailboxMoveInProgress",
  "ErrorMailboxStoreUnavailable",
  "ErrorNotEnoughMemory",
  "ErrorServiceUnavailable",
  "ErrorTimeoutExpired"
])

/**
 * The error that a response code stands for. `backOff`: milliseconds that the server asks to wait, 0 if it does not; a
 * server that asks to wait is busy, whatever else it says.
 */
export const errorOfCode = (
  site: CallSite,
  status: number,
  responseCode: string,
  backOff: number
): EwsBusy | EwsRefused =>
  backOff > 0 || TRANSIENT_CODES.has(responseCode)
    ? new EwsBusy({ ...site, responseCode, retryAfter: Math.min(backOff, RETRY_AFTER_MAX) })
    : new EwsRefused({ ...site, responseCode, status })
