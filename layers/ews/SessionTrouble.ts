import { EwsBusy, type EwsError, EwsTimeout, EwsUnreachable, EwsUnusable } from "../../schemas/EwsError.ts"
import type { CallSite } from "./EwsErrors.ts"
import type { HttpFailure } from "./HttpPost.ts"

/** How far a call has come; written while it runs. */
export interface Progress {
  /** `sent`: the caller's request itself may have reached the host; what comes before it changes nothing there. */
  stage: "waiting" | "connecting" | "logging in" | "sent"
  /** The connection is over TLS, and no client certificate was shown. */
  bare: boolean
}

/** What no place at the host means to the caller. */
export const busy = (site: CallSite, responseCode: string): EwsBusy =>
  new EwsBusy({ ...site, responseCode, retryAfter: 0 })

/** What a request without a whole answer means. `silence`: the limit, in milliseconds. */
export const errorOfFailure = (
  site: CallSite,
  failure: HttpFailure,
  progress: Progress,
  silence: number
): EwsError => {
  const sent = failure.sent && progress.stage === "sent"
  switch (failure.kind) {
    case "silence":
      return sent
        ? new EwsTimeout({ ...site, milliseconds: silence })
        : new EwsUnreachable({ ...site, reason: `no answer to a log-in within ${silence} ms`, sent })
    case "too large":
      return new EwsUnusable({ ...site, status: failure.status, reason: "too large" })
    case "moved":
      return new EwsUnreachable({ ...site, reason: "it closes the connection during the log-in", sent })
    case "connection":
      return new EwsUnreachable({ ...site, reason: reasonOf(failure.code, progress.bare), sent })
  }
}

/** A timeout says that the call may have had its effect, so it is none if the request never left. */
export const errorOfTimeout = (site: CallSite, milliseconds: number, { stage }: Progress): EwsError => {
  switch (stage) {
    case "sent":
      return new EwsTimeout({ ...site, milliseconds })
    case "waiting":
      return busy(site, "no connection became free")
    case "connecting":
      return new EwsUnreachable({ ...site, reason: `no connection within ${milliseconds} ms`, sent: false })
    case "logging in":
      return new EwsUnreachable({ ...site, reason: `no log-in within ${milliseconds} ms`, sent: false })
  }
}

/** A server that wants a certificate hangs up; in TLS 1.3 the handshake looks done to the client by then (RFC 8446, 4.4.2.4). */
const reasonOf = (code: string, bare: boolean): string => {
  const reason = REASONS.get(code) ?? code
  return bare && HUNG_UP.has(code) ? `${reason}; it may want a client certificate` : reason
}

const HUNG_UP: ReadonlySet<string> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"])

/** Codes that say nothing to an operator. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENS_ADDRESS_NOT_ALLOWED", "its address may not be used: link-local, metadata, or private and not listed"],
  ["UND_ERR_CONNECT_TIMEOUT", "no connection in time"],
  ["UND_ERR_SOCKET", "the connection was closed"],
  ["UND_ERR_INVALID_ARG", "the request cannot be written"],
  ["ECONNRESET", "the connection was reset"],
  ["EPIPE", "the connection was closed"],
  ["ECONNREFUSED", "the connection was refused"],
  ["ENOTFOUND", "its name does not resolve"]
])
