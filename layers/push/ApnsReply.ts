import { Option, Schema } from "effect"
import { type PushTarget, Verdict } from "../../schemas/Push.ts"
import { retryAfter } from "../net/RetryAfter.ts"

/** What APNs answered, as far as HTTP goes. */
export interface ApnsResponse {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly body: string
}

/** What it means. */
export type ApnsReply =
  | Verdict
  /** The token is dead unless too many are refused. */
  | { readonly _tag: "TokenRefused"; readonly reason: string }
  /** Not accepted is our key, for this app and environment at least. */
  | { readonly _tag: "AppDown"; readonly reason: string }

/**
 * Reads APNs' answer (Apple, "Handling notification responses from APNs"), in this order:
 *
 * | answer | meaning |
 * |---|---|
 * | 200 | Delivered |
 * | anything without APNs' own body | GatewayDown: something else answers, and its opinion is no reason to give mails up |
 * | 410 Unregistered, ExpiredToken | TokenDead since its `timestamp`; RetryLater if the token was registered after that |
 * | 400 BadDeviceToken, DeviceTokenNotForTopic | TokenRefused |
 * | 403, 400 TopicDisallowed | AppDown: key, key id or team id, a matter for the operator |
 * | 429 TooManyRequests | RetryLater for this device |
 * | 429 else | RetryLater for everyone |
 * | 5xx | RetryLater for everyone if it names a time, else GatewayDown |
 * | 400, 404, 413 else | Rejected: this notification is at fault |
 */
export const readReply = (
  { body, retryAfter: header, status }: ApnsResponse,
  { registeredAt }: PushTarget,
  now: number
): ApnsReply => {
  if (status === 200 && body === "") return Verdict.Delivered()
  const wait = retryAfter(header, now)
  if (status >= 500 && wait > 0) return Verdict.RetryLater({ after: wait, everyone: true })
  if (status >= 500) return Verdict.GatewayDown({ reason: `fails (HTTP ${status})` })
  const answer = Option.getOrUndefined(decode(body))
  // A 200 has no body, or (in the sandbox environment) one that says nothing.
  if (status === 200 && answer !== undefined && answer.reason === undefined) return Verdict.Delivered()
  const reason = answer?.reason
  if (reason === undefined || status === 200) return notApns(status)
  if (status === 410 && DEAD.has(reason)) return dead(answer?.timestamp, registeredAt)
  if (REFUSED.has(reason)) return { _tag: "TokenRefused", reason }
  if (status === 403 || reason === "TopicDisallowed")
    return { _tag: "AppDown", reason: `does not accept this ENS (${reason}): ${cure(reason)}` }
  if (status === 429)
    return reason === "TooManyRequests"
      ? Verdict.RetryLater({ after: wait })
      : Verdict.RetryLater({ after: wait > 0 ? wait : TOKEN_PAUSE, everyone: true })
  return status === 400 || status === 404 || status === 413
    ? Verdict.Rejected({ reason: `HTTP ${status}, ${reason}` })
    : notApns(status)
}

/** APNs' words are single ones; anything else is not repeated, because it may quote what was sent. */
const Answer = Schema.Struct({
  reason: Schema.optional(Schema.String.pipe(Schema.pattern(/^[A-Za-z]{1,48}$/))),
  timestamp: Schema.optional(Schema.Number)
})
const decode = Schema.decodeUnknownOption(Schema.parseJson(Answer))

const DEAD = new Set(["Unregistered", "ExpiredToken"])
const REFUSED = new Set(["BadDeviceToken", "DeviceTokenNotForTopic"])

/** Milliseconds to wait when tokens changed too often and APNs names no time. */
const TOKEN_PAUSE = 60_000

const notApns = (status: number) =>
  Verdict.GatewayDown({
    reason: `answers in a form that is not APNs' (HTTP ${status}): check ENS_APNS_HOST and firewalls that open TLS`
  })

const dead = (since: number | undefined, registeredAt: number): Verdict =>
  since !== undefined && since < registeredAt
    ? Verdict.RetryLater({ after: 0 })
    : Verdict.TokenDead({ since })

const cure = (reason: string): string => {
  switch (reason) {
    case "ExpiredProviderToken":
      return "check this machine's clock"
    case "InvalidProviderToken":
      return "ENS_APNS_KEY_FILE, ENS_APNS_KEY_ID and ENS_APNS_TEAM_ID must belong together, and the key must not be revoked"
    default:
      return "the key of ENS_APNS_KEY_FILE must be allowed to push to this app and environment"
  }
}
