import { Schema } from "effect"
import { adviceFor } from "./EwsAdvice.ts"

const at = { operation: Schema.String, host: Schema.String }

/**
 * HTTP 401: Exchange refuses the log-in. Definite: never tried again with the same credentials. `scheme`: what was sent
 * and refused. `spent`: nothing was sent, because too much was refused before; so it tells nothing of the host.
 */
export class EwsUnauthorized extends Schema.TaggedError<EwsUnauthorized>()("EwsUnauthorized", {
  ...at,
  offered: Schema.Array(Schema.String),
  scheme: Schema.optionalWith(Schema.Literal("Basic", "Bearer", "NTLM", "Negotiate", "TLS"), { exact: true }),
  spent: Schema.optionalWith(Schema.Boolean, { exact: true })
}) {
  override get message() {
    if (this.spent === true) return `${this.host} refused this log-in before (401); it is not sent again`
    const what = this.scheme === undefined ? REFUSED.other : REFUSED[this.scheme]
    return `${this.host} ${what}. Offered: ${this.offered.join(", ") || "nothing"}`
  }
}

const NTLM_REFUSED =
  "refused user name and password by NTLM (401); check them, and if something in front of it ends TLS, name the host in ENS_EWS_NO_CHANNEL_BINDING"
const REFUSED = {
  Basic: "refused user name and password (401); check them",
  Bearer: "refused the access token (401); check that it is for this server and has not expired",
  NTLM: NTLM_REFUSED,
  Negotiate: NTLM_REFUSED,
  TLS: "refused the client certificate (401); check that it belongs to the user",
  other: "refused the log-in (401); check user name, password or token"
} as const

/** HTTP 403: logged in, but not allowed (EWS disabled for the mailbox, SEG says not compliant). */
export class EwsForbidden extends Schema.TaggedError<EwsForbidden>()("EwsForbidden", at) {
  override get message() {
    return `${this.host} forbids EWS for this user (403); check EWSEnabled and the EWS application access policy`
  }
}

/**
 * A Secure Email Gateway in front of Exchange does not let the device that was named pass: 403 = not compliant, 400 = not
 * known there. May change at any time, with the device's compliance.
 */
export class EwsBlocked extends Schema.TaggedError<EwsBlocked>()("EwsBlocked", {
  ...at,
  status: Schema.Literal(400, 403)
}) {
  override get message() {
    return this.status === 403
      ? `the Secure Email Gateway ${this.host} does not let this device pass (403); check its compliance in the UEM console`
      : `the Secure Email Gateway ${this.host} does not know this device (400); check that it is enrolled, and that the gateway has its policy`
  }
}

/** Exchange asks to wait: ErrorServerBusy, 503, or another transient code. `retryAfter` in milliseconds, 0 = unknown. */
export class EwsBusy extends Schema.TaggedError<EwsBusy>()("EwsBusy", {
  ...at,
  responseCode: Schema.String,
  retryAfter: Schema.Number
}) {
  override get message() {
    return `${this.host} is busy (${this.responseCode}); it asks to try again${this.retryAfter > 0 ? ` in ${Math.ceil(this.retryAfter / 1000)} s` : " later"}`
  }
}

/** A response code that repeating the same call will not change (ErrorNonExistentMailbox, ErrorAccessDenied, a schema fault …). */
export class EwsRefused extends Schema.TaggedError<EwsRefused>()("EwsRefused", {
  ...at,
  responseCode: Schema.String,
  status: Schema.Number
}) {
  override get message() {
    const advice = adviceFor(this.responseCode)
    const refusal = `${this.host} refused ${this.operation} (${this.responseCode || `HTTP ${this.status}`})`
    return advice === undefined ? refusal : `${refusal}: ${advice}`
  }
}

/**
 * The host could not be reached, or hung up: `sent` tells whether it may have got the request. `lasting`: somebody has to
 * change something first (a certificate, a pin, a list, the proxy's log-in), so that repeating the call is of no use.
 * `kind`: what it is about, where that decides who has to mend it (`connectKind` of layers/net/ConnectError.ts).
 */
export class EwsUnreachable extends Schema.TaggedError<EwsUnreachable>()("EwsUnreachable", {
  ...at,
  reason: Schema.String,
  sent: Schema.Boolean,
  lasting: Schema.optionalWith(Schema.Boolean, { exact: true }),
  kind: Schema.optionalWith(
    Schema.Literal("certificate", "pin", "client certificate", "address", "name", "proxy"),
    { exact: true }
  )
}) {
  override get message() {
    return `${this.host} cannot be reached (${this.reason}); ${unreachableCure(this.kind)}`
  }
}

const unreachableCure = (kind: EwsUnreachable["kind"]): string => {
  switch (kind) {
    case "certificate":
      return "check the server's certificate and its chain, or name the authority in ENS_EWS_CA_FILE"
    case "pin":
      return "if the change is intended, pin the new one; else somebody stands in between"
    default:
      return "check DNS, firewall and certificate"
  }
}

/** No answer within the time allowed; the call may have had its effect. */
export class EwsTimeout extends Schema.TaggedError<EwsTimeout>()("EwsTimeout", {
  ...at,
  milliseconds: Schema.Number
}) {
  override get message() {
    return `${this.host} did not answer ${this.operation} within ${this.milliseconds} ms`
  }
}

/** The answer is not EWS: an HTML page, a truncated body, something over the size limit. */
export class EwsUnusable extends Schema.TaggedError<EwsUnusable>()("EwsUnusable", {
  ...at,
  status: Schema.Number,
  reason: Schema.String
}) {
  override get message() {
    return `${this.host} answered ${this.operation} with something that is not EWS (HTTP ${this.status}: ${this.reason}); check the EWS URL`
  }
}

export type EwsError =
  | EwsUnauthorized
  | EwsForbidden
  | EwsBlocked
  | EwsBusy
  | EwsRefused
  | EwsUnreachable
  | EwsTimeout
  | EwsUnusable
