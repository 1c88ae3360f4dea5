import {
  EwsBusy,
  type EwsError,
  EwsRefused,
  EwsTimeout,
  EwsUnreachable,
  EwsUnusable
} from "../../schemas/EwsError.ts"
import { connectKind, isLasting } from "../net/ConnectError.ts"
import type { CallSite } from "./EwsErrors.ts"
import type { NoPlace } from "./HostConnections.ts"
import type { HttpFailure } from "./HttpPost.ts"

/** How far a call has come; written while it runs. */
export interface Progress {
  /** `sent`: the caller's request itself may have reached the host; what comes before it changes nothing there. */
  stage: "waiting" | "connecting" | "logging in" | "sent"
  /** What the TLS handshake shows of the client, if there is one. */
  handshake: "none" | "bare" | "certificate"
}

/** What a call is told by, when it fails. */
export interface Told {
  readonly site: CallSite
  readonly progress: Progress
  /** Milliseconds that it was allowed. */
  readonly timeout: number
}

/** The error that trouble with the connection means. `silence`: the limit, in milliseconds. */
export const errorOf = (call: Told, trouble: EwsError | HttpFailure | NoPlace, silence: number): EwsError => {
  switch (trouble._tag) {
    case "NoPlace":
      return busy(call.site, trouble.reason)
    case "HttpFailure":
      return errorOfFailure(call, trouble, silence)
    default:
      return trouble
  }
}

/** The time for the call is over. It may have had its effect, unless the request never left. */
export const lateness = ({ progress, site, timeout }: Told): EwsError => {
  switch (progress.stage) {
    case "sent":
      return new EwsTimeout({ ...site, milliseconds: timeout })
    case "waiting":
      return busy(site, "no connection became free")
    case "connecting":
      return new EwsUnreachable({ ...site, reason: `no connection within ${timeout} ms`, sent: false })
    case "logging in":
      return new EwsUnreachable({ ...site, reason: `no log-in within ${timeout} ms`, sent: false })
  }
}

const errorOfFailure = (call: Told, failure: HttpFailure, silence: number): EwsError => {
  const { progress, site } = call
  const sent = failure.sent && progress.stage === "sent"
  switch (failure.kind) {
    case "late":
      return lateness(call)
    case "silence":
      return sent
        ? new EwsTimeout({ ...site, milliseconds: silence })
        : new EwsUnreachable({ ...site, reason: `no answer to a log-in within ${silence} ms`, sent })
    case "too large":
      return new EwsUnusable({ ...site, status: failure.status, reason: "too large" })
    case "moved":
      return new EwsRefused({ ...site, responseCode: NOT_KEPT, status: 0 })
    case "connection": {
      if (CALLERS.has(failure.code)) {
        return new EwsRefused({ ...site, responseCode: reasonOf(failure, "none"), status: 0 })
      }
      const kind = connectKind(failure.code)
      return new EwsUnreachable({
        ...site,
        reason: reasonOf(failure, progress.handshake),
        sent,
        ...(isLasting(failure.code) ? { lasting: true } : {}),
        ...(kind === undefined ? {} : { kind })
      })
    }
  }
}

const busy = (site: CallSite, responseCode: string): EwsBusy =>
  new EwsBusy({ ...site, responseCode, retryAfter: 0 })

const NOT_KEPT = "it closes the connection during the log-in; NTLM needs one that is kept"

/**
 * A server that wants a client certificate, or does not like the one that it got, hangs up; in TLS 1.3 the handshake looks
 * done to the client by then (RFC 8446, 4.4.2.4).
 */
const reasonOf = ({ code, reason }: HttpFailure, handshake: Progress["handshake"]): string => {
  const told = reason ?? REASONS.get(code) ?? (PARSER.test(code) ? NO_HTTP : code)
  return HUNG_UP.has(code) ? `${told}${SUSPICION[handshake]}` : told
}

/** Codes of what is wrong with the caller's part, and will be the next time. */
const CALLERS: ReadonlySet<string> = new Set(["ENS_CLIENT_CERTIFICATE", "UND_ERR_INVALID_ARG"])

const HUNG_UP: ReadonlySet<string> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"])

const SUSPICION = {
  none: "",
  bare: "; it may want a client certificate",
  certificate: "; it may not accept the client certificate, check that it is valid"
} as const

const REASONS: ReadonlyMap<string, string> = new Map([
  ["UND_ERR_SOCKET", "the connection was closed"],
  ["UND_ERR_INVALID_ARG", "the request cannot be written"],
  ["EPIPE", "the connection was closed"],
  ["UND_ERR_HEADERS_OVERFLOW", "the headers of its answer are too large"],
  ["HPE_HEADER_OVERFLOW", "the headers of its answer are too large"]
])

/** Of undici's parser: its errors have a code of their own, or none. */
const PARSER = /^(?:HTTPParserError$|HPE_)/
const NO_HTTP = "what answers there does not speak HTTP properly"
