import { EwsBusy, type EwsError, EwsRefused } from "../../schemas/EwsError.ts"
import { RETRY_AFTER_MAX } from "../net/RetryAfter.ts"

/** What an error tells of the call that it belongs to. */
export interface CallSite {
  readonly operation: string
  /** Host and port of the endpoint. */
  readonly host: string
}

/**
 * Response codes after which the same call may succeed later (FACTS section 5, `responsecode.md` of Microsoft's EWS
 * reference; the grouping is ours). All others are permanent as far as the call goes.
 */
export const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  "ErrorServerBusy",
  "ErrorADOperation",
  "ErrorADUnavailable",
  "ErrorBatchProcessingStopped",
  "ErrorClientDisconnected",
  "ErrorConnectionFailed",
  "ErrorDataSourceOperation",
  "ErrorExceededConnectionCount",
  "ErrorInsufficientResources",
  // What a throttled call says is sometimes wrapped into this one.
  "ErrorInternalServerError",
  "ErrorInternalServerTransientError",
  "ErrorMailboxFailover",
  "ErrorMailboxMoveInProgress",
  "ErrorMailboxStoreUnavailable",
  "ErrorNoRespondingCASInDestinationSite",
  "ErrorNotEnoughMemory",
  "ErrorProxiedSubscriptionCallFailure",
  "ErrorProxyRequestProcessingFailed",
  "ErrorServiceUnavailable",
  "ErrorTimeoutExpired",
  "ErrorTooManyObjectsOpened"
])

/**
 * Response codes after which the mailbox may be served elsewhere, so that its EWS URL should be looked for anew. A mailbox
 * that was moved to another forest or to Exchange Online is none any more at the old place.
 */
export const REDISCOVER_CODES: ReadonlySet<string> = new Set([
  "ErrorProxyRequestNotAllowed",
  "ErrorReadEventsFailed",
  "ErrorCrossSiteRequest",
  "ErrorMissingEmailAddress",
  "ErrorNoApplicableProxyCASServersAvailable",
  "ErrorNoDestinationCASDueToKerberosRequirements",
  "ErrorNoDestinationCASDueToSSLRequirements",
  "ErrorNoDestinationCASDueToVersionMismatch",
  "ErrorNonExistentMailbox",
  "ErrorProxyServiceDiscoveryFailed",
  "ErrorWrongServerVersion",
  "ErrorWrongServerVersionDelegate"
])

/**
 * Whether the EWS URL may be out of date: the mailbox is not there, the URL is none, or it leads to where credentials may
 * not go. A host that cannot be reached says nothing about that.
 */
export const isRediscover = (error: EwsError): boolean => {
  switch (error._tag) {
    case "EwsRefused":
      return REDISCOVER_CODES.has(error.responseCode)
    case "EwsUnusable":
      return WRONG_URL_STATUSES.has(error.status) || (error.status >= 300 && error.status < 400)
    default:
      return false
  }
}

/** HTTP statuses of a path at which there is no EWS. */
export const WRONG_URL_STATUSES: ReadonlySet<number> = new Set([404, 405, 410])

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
  backOff > 0 || TRANSIENT_CODES.has(responseCode) || SERVER_FAULTS.has(responseCode)
    ? new EwsBusy({ ...site, responseCode, retryAfter: Math.min(backOff, RETRY_AFTER_MAX) })
    : new EwsRefused({ ...site, responseCode, status })

/** SOAP's own codes for a fault that is not the request's (SOAP 1.1 section 4.4.1, SOAP 1.2 part 1 section 5.4.6). */
const SERVER_FAULTS: ReadonlySet<string> = new Set(["Server", "Receiver"])
