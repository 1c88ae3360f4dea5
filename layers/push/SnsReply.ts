import { Verdict } from "../../schemas/Push.ts"
import { retryAfter } from "../net/RetryAfter.ts"
import { reasonOf } from "./NetworkTrouble.ts"
import type { SnsFailure } from "./SnsFailure.ts"
import type { SnsPlatform } from "./SnsPlatforms.ts"

/** What a failure means for a notification. */
export type SnsReply =
  | Verdict
  /** The endpoint is disabled: the token is dead unless too many are. */
  | { readonly _tag: "TokenRefused" }
  /** The device's platform application cannot be used; others can. */
  | { readonly _tag: "PlatformDown"; readonly reason: string }

/**
 * Reads why SNS did not take a notification (docs.aws.amazon.com, "Publish" and "Common errors" of the SNS API), in this
 * order. Codes come with and without "Exception".
 *
 * | failure | meaning |
 * |---|---|
 * | no answer, or no credentials | GatewayDown |
 * | EndpointDisabled | TokenRefused |
 * | PlatformApplicationDisabled, NotFound, InvalidParameter about the platform application | PlatformDown |
 * | InvalidParameter and the like | Rejected: this notification is at fault |
 * | Throttled, Throttling and the like, 429 | RetryLater for everyone |
 * | 5xx, InternalError | RetryLater for everyone if it names a time, else GatewayDown |
 * | anything without SNS's own code | GatewayDown: something else answers |
 * | everything else | GatewayDown: identity, rights or clock, a matter for the operator |
 *
 * The last is also for codes that are not known: a notification that really is at fault is found out by the stage.
 * `setting`: what names SNS's address.
 */
export const readFailure = (
  failure: SnsFailure,
  platform: SnsPlatform,
  setting: string,
  now: number
): SnsReply => {
  if (failure._tag === "Broken") return Verdict.GatewayDown({ reason: reasonOf(failure.code, setting) })
  if (failure._tag === "NoCredentials")
    return Verdict.GatewayDown({
      reason:
        "does not accept this ENS without AWS credentials: give it some by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the machine's role"
    })
  const { message, retryAfter: header, status } = failure
  const code = failure.code?.replace(/Exception$/, "")
  const wait = retryAfter(header, now)
  if (code === "EndpointDisabled") return { _tag: "TokenRefused" }
  const platformTrouble = platformTroubleOf(code, message, platform)
  if (platformTrouble !== undefined) return { _tag: "PlatformDown", reason: platformTrouble }
  if (code !== undefined && OURS.test(code))
    return Verdict.Rejected({ reason: message.includes("too long") ? `${code}, too long` : code })
  if (status === 429 || (code !== undefined && THROTTLED.test(code)) || isOverRate(message))
    return Verdict.RetryLater({ after: wait, everyone: true })
  if (status >= 500 || code === "InternalError" || code === "InternalFailure")
    return wait > 0
      ? Verdict.RetryLater({ after: wait, everyone: true })
      : Verdict.GatewayDown({ reason: `fails (${said(status, code)})` })
  return Verdict.GatewayDown({
    reason:
      code === undefined
        ? `answers in a form that is not SNS's (HTTP ${status}): check ${setting} and proxies`
        : `does not accept this ENS (${said(status, code)}): ${cure(code)}`
  })
}

const OURS =
  /^(?:InvalidParameter(?:Value|Combination)?|ParameterValueInvalid|ValidationError|Validation|MissingParameter|MalformedQueryString)$/
const THROTTLED =
  /^(?:Throttl(?:ed|ing)|RequestThrottled|RequestLimitExceeded|TooManyRequests|KMSThrottling|SlowDown)$/

const isOverRate = (message: string) => message.startsWith("Rate exceeded")

const platformTroubleOf = (
  code: string | undefined,
  message: string,
  { arn, setting }: SnsPlatform
): string | undefined => {
  if (code === "PlatformApplicationDisabled")
    return `has disabled the platform application ${arn}: renew its certificate or key in SNS, and enable it`
  if (code === "NotFound" || (code === "InvalidParameter" && message.includes("PlatformApplicationArn")))
    return `has no platform application ${arn}: correct ${setting}, or whose AWS account the credentials are of`
  return undefined
}

// Anything else is not repeated, because it may quote what was sent.
const said = (status: number, code: string | undefined) =>
  code !== undefined && /^[A-Za-z.]{1,64}$/.test(code) ? code : `HTTP ${status}`

const cure = (code: string): string => {
  if (/^(?:AuthorizationError|AccessDenied|NotAuthorized|OptInRequired)$/.test(code))
    return "its AWS identity must be allowed sns:Publish, sns:CreatePlatformEndpoint and sns:SetEndpointAttributes"
  if (/^(?:ExpiredToken|TokenRefreshRequired)$/.test(code))
    return "its AWS credentials have expired; renew them"
  if (/^(?:RequestExpired|RequestTimeTooSkewed|RequestInTheFuture)$/.test(code))
    return "check this machine's clock"
  if (code === "SignatureDoesNotMatch")
    return "its AWS secret key does not belong to its access key, or this machine's clock is wrong"
  return "check its AWS credentials"
}
