import { isIP } from "node:net"
import { Clock, Effect, Either } from "effect"
import type { AllowedEndpoint } from "../../layers/ews/EndpointPolicy.ts"
import { gatewayRefusal } from "../../layers/ews/GatewayAnswer.ts"
import type { Caller } from "../../layers/ews/HttpSessions.ts"
import { HttpSessions } from "../../layers/ews/HttpSessions.ts"
import { inboxRequest, soapAction } from "../../layers/ews/Requests.ts"
import { type HttpAnswer, offeredSchemes, responseMessages } from "../../layers/ews/SoapAnswer.ts"
import { connectKind } from "../../layers/net/ConnectError.ts"
import { fingerprintsOf } from "../../layers/net/Pins.ts"
import { faultOfError, faultOfKind } from "../../layers/telemetry/FaultOf.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { FaultName } from "../../schemas/Fault.ts"
import { dateIn, tellSkew } from "./checks/ClockSkew.ts"
import { tellExpiry } from "./checks/Expiry.ts"
import { failed, faulty, ok, skipped, type Tell } from "./Finding.ts"
import { addressesOf } from "./Names.ts"
import { Patient } from "./Patient.ts"
import { shownCertificate } from "./ShownCertificate.ts"

/**
 * Looks at an EWS endpoint as far as anybody can: name, TLS, pins, whether EWS answers, which log-ins it offers, its clock.
 * True if it is worth logging in there.
 */
export const examineHost = Effect.fnUntraced(function* (
  tell: Tell,
  endpoint: AllowedEndpoint,
  caller: Caller
): Effect.fn.Return<boolean, Error, Patient | HttpSessions> {
  const { settings } = yield* Patient
  const url = new URL(endpoint.url)
  const host = url.host
  const direct = settings.ewsProxyUrl === undefined || url.protocol === "http:"
  const name = url.hostname.replace(/^\[|\]$/g, "")
  if (isIP(name) === 0 && direct) {
    const found = yield* Effect.either(addressesOf(name))
    if (Either.isLeft(found)) {
      tell(faulty(`DNS ${name}`, "exchange-unreachable", found.left))
      return false
    }
    tell(ok(`DNS ${name}`, found.right.join(", ")))
  }
  if (url.protocol === "https:") {
    const shown = yield* Effect.either(shownCertificate(endpoint, settings))
    if (Either.isLeft(shown)) {
      const { code, reason } = shown.left
      tell(faulty(`TLS ${host}`, connectFault(code), reason, certificateCure(code)))
      return false
    }
    const now = yield* Clock.currentTimeMillis
    const { protocol, certificate } = shown.right
    const pinned = endpoint.pins.length === 0 ? "no pins" : "pinned"
    const issuer = certificate.issuer.split("\n").reverse().join(", ")
    tell(
      ok(
        `TLS ${host}`,
        `${protocol}, trusted, ${pinned}, SHA-256 ${fingerprintsOf(certificate).certificate}, issued by ${issuer || "nobody"}`
      )
    )
    tellExpiry(tell, `TLS ${host}`, "the certificate", certificate.validToDate.getTime(), now)
  } else tell(skipped(`TLS ${host}`, "plain HTTP on this machine"))
  if (endpoint.seg && caller.devices.length === 0) {
    const says = "a Secure Email Gateway answers for devices only; give one with --email and --device-id"
    tell(skipped(`EWS ${host}`, says))
    return false
  }
  return yield* examineEws(tell, endpoint, caller)
})

/** A question without a log-in, which EWS answers with what it offers. */
const examineEws = Effect.fnUntraced(function* (tell: Tell, endpoint: AllowedEndpoint, caller: Caller) {
  const sessions = yield* HttpSessions
  const { host } = new URL(endpoint.url)
  const check = `EWS ${host}`
  const { body, operation } = inboxRequest("Exchange2013")
  const headers = {
    "content-type": "text/xml; charset=utf-8",
    accept: "text/xml",
    soapaction: soapAction(operation)
  }
  const asked = yield* Effect.acquireUseRelease(
    Effect.sync(() => sessions.open(caller)),
    (session) =>
      Effect.either(session.sendAnonymously(endpoint, { operation, method: "POST", headers, body }, WITHIN)),
    (session) => Effect.sync(session.close)
  )
  if (Either.isLeft(asked)) {
    tell(ewsFinding(check, asked.left))
    return false
  }
  const answer = asked.right
  yield* tellSkew(tell, host, dateIn(answer.headers))
  if (answer.status === 401) {
    const offered = offeredSchemes(answer)
    if (offered.length === 0) {
      tell(faulty(check, "ews-url-wrong", "401 without any way to log in"))
      return false
    }
    tell(ok(check, `offers ${offered.join(", ")}${madeBy(answer)}`))
    return true
  }
  const now = yield* Clock.currentTimeMillis
  const site = { operation, host }
  const refusal = endpoint.seg ? gatewayRefusal(site, answer, now) : undefined
  const read = refusal === undefined ? responseMessages(site, answer, now) : Either.left(refusal)
  if (Either.isLeft(read)) {
    const finding = ewsFinding(check, read.left)
    // Nobody has logged in yet, so that no policy of a mailbox can have been asked.
    if (answer.status >= 300 && answer.status < 400) {
      const to =
        URL.parse([answer.headers["location"] ?? []].flat()[0] ?? "", endpoint.url)?.host ?? "nowhere"
      tell(faulty(check, "ews-url-wrong", `${endpoint.url} redirects to ${to}`))
      return false
    }
    tell(finding)
    return false
  }
  tell(ok(check, "answers as EWS, without asking for a log-in"))
  return true
})

/** Milliseconds. */
const WITHIN = 15_000

const madeBy = ({ headers }: HttpAnswer): string => {
  const owa = [headers["x-owa-version"] ?? headers["x-feserver"] ?? []].flat()[0]
  return owa === undefined || !/^[\w.-]{1,64}$/.test(owa) ? "" : ` (${owa})`
}

/** The finding that a failed call is. */
export const ewsFinding = (check: string, error: EwsError) => {
  const fault = faultOfError(error)
  return fault === undefined ? failed(check, error.message) : faulty(check, fault, detailOf(error))
}

/** The case without the advice that the errors' own messages give; the fault has that. */
const detailOf = (error: EwsError): string => {
  switch (error._tag) {
    case "EwsUnreachable":
      return `${error.host}: ${error.reason}`
    case "EwsUnauthorized": {
      if (error.spent === true) return error.message
      const binding =
        error.scheme === "NTLM" || error.scheme === "Negotiate"
          ? ", or name the host in ENS_EWS_NO_CHANNEL_BINDING if something in front of it ends TLS"
          : ""
      return `${error.host} refused it by ${error.scheme ?? "an unknown scheme"}, and offers ${error.offered.join(", ") || "nothing"}${binding}`
    }
    case "EwsForbidden":
    case "EwsUnusable":
      return error.message.split("; ")[0] ?? ""
    default:
      return error.message
  }
}

/** What helps against this very fault of a certificate; undefined: what helps in general. */
const certificateCure = (code: string): string | undefined => {
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return "renew the certificate there, and look at this machine's clock"
    case "CERT_NOT_YET_VALID":
      return "synchronise this machine's clock (NTP); if it is right, replace the certificate there"
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "use the name in the EWS URL that the certificate is for, or install one there that has this name"
    default:
      return undefined
  }
}

const connectFault = (code: string): FaultName => faultOfKind(connectKind(code))
