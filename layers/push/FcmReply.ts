import { Option, Schema } from "effect"
import { Verdict } from "../../schemas/Push.ts"
import { retryAfter } from "../net/RetryAfter.ts"

/** FCM's answer when it did not accept a message. */
export interface FcmResponse {
  readonly status: number
  readonly retryAfter: string | undefined
  /** The JSON, or text that is none. */
  readonly body: unknown
}

/** What it means. */
export type FcmReply =
  | Verdict
  /** The token is dead unless too many are refused. */
  | { readonly _tag: "TokenRefused"; readonly reason: string }
  /** Apple's key that FCM has for this app is not accepted. */
  | { readonly _tag: "AppDown"; readonly reason: string }

/**
 * Reads FCM's error (firebase.google.com, "ErrorCode" of the HTTP v1 API), in this order:
 *
 * | answer | meaning |
 * |---|---|
 * | UNREGISTERED | TokenDead |
 * | SENDER_ID_MISMATCH | TokenRefused: another project's token, or ours is the wrong service account |
 * | 429 QUOTA_EXCEEDED | RetryLater: for this device if the quota is a device's, else for everyone |
 * | 5xx UNAVAILABLE, INTERNAL | RetryLater for everyone if it names a time, else GatewayDown |
 * | THIRD_PARTY_AUTH_ERROR | AppDown: Apple's key there, a matter for the operator |
 * | 401, 403, 404 else | GatewayDown: service account or project, a matter for the operator |
 * | 400 | Rejected: this message is at fault |
 * | anything without FCM's own body | GatewayDown: something else answers |
 *
 * The first two are believed only from FCM's own detail of the error: a general 404 or 403 means that the project does
 * not exist or is closed to us, and would otherwise kill every token.
 */
export const readReply = ({ body, retryAfter: header, status }: FcmResponse, now: number): FcmReply => {
  const error = Option.getOrUndefined(decode(body))?.error
  const code = codeIn(error?.details)
  const word = code ?? oneWord(error?.status)
  const said = word ?? `HTTP ${status}`
  const wait = retryAfter(header, now)
  if (code === "UNREGISTERED") return Verdict.TokenDead({ since: undefined })
  if (code === "SENDER_ID_MISMATCH") return { _tag: "TokenRefused", reason: code }
  if (status === 429 || code === "QUOTA_EXCEEDED")
    return ofDevice(error?.details)
      ? Verdict.RetryLater({ after: wait })
      : Verdict.RetryLater({ after: wait > 0 ? wait : QUOTA_PAUSE, everyone: true })
  if (status >= 500 && wait > 0) return Verdict.RetryLater({ after: wait, everyone: true })
  if (status >= 500) return Verdict.GatewayDown({ reason: `fails (${said})` })
  if (error === undefined || word === undefined)
    return Verdict.GatewayDown({
      reason: `answers in a form that is not FCM's (HTTP ${status}): check ENS_FCM_ENDPOINT and proxies`
    })
  const unaccepted = `does not accept this ENS (${said}): ${cure(said)}`
  if (code === "THIRD_PARTY_AUTH_ERROR") return { _tag: "AppDown", reason: unaccepted }
  if (status === 401 || status === 403 || status === 404) return Verdict.GatewayDown({ reason: unaccepted })
  return Verdict.Rejected({ reason: said })
}

const Answer = Schema.Struct({
  error: Schema.Struct({
    status: Schema.optional(Schema.String),
    details: Schema.optional(Schema.Array(Schema.Unknown))
  })
})
const decode = Schema.decodeUnknownOption(Answer)

const FcmError = Schema.Struct({
  "@type": Schema.Literal("type.googleapis.com/google.firebase.fcm.v1.FcmError"),
  errorCode: Schema.String
})
const QuotaFailure = Schema.Struct({
  "@type": Schema.Literal("type.googleapis.com/google.rpc.QuotaFailure"),
  violations: Schema.Array(Schema.Unknown)
})

type Details = ReadonlyArray<unknown> | undefined

const codeIn = (details: Details): string | undefined =>
  oneWord(details?.find(Schema.is(FcmError))?.errorCode)

const ofDevice = (details: Details): boolean =>
  /device/i.test(JSON.stringify(details?.find(Schema.is(QuotaFailure))?.violations ?? []))

/** Milliseconds: a project's quota is refilled by the minute. */
const QUOTA_PAUSE = 60_000

// Anything else is not repeated, because it may quote what was sent.
const oneWord = (text: string | undefined) =>
  text !== undefined && /^[A-Z_]{1,48}$/.test(text) ? text : undefined

const cure = (word: string): string => {
  switch (word) {
    case "THIRD_PARTY_AUTH_ERROR":
      return "upload Apple's key for the app in the Firebase console (project settings, cloud messaging)"
    case "NOT_FOUND":
      return "the project of ENS_FCM_SERVICE_ACCOUNT_FILE must exist"
    default:
      return "the account of ENS_FCM_SERVICE_ACCOUNT_FILE must be allowed to send, and the Firebase Cloud Messaging API switched on in its project"
  }
}
