import type { Verdict } from "../../schemas/Push.ts"

/** Why a notification was not delivered, in words few enough for a metric's label. */
export type FailureReason =
  /** The device's token will never work again. */
  | "token dead"
  /** The service asks to wait. */
  | "throttled"
  /** The notification is at fault. */
  | "refused"
  /** The same: longer than the service takes. */
  | "too large"
  /** Our certificate, key or account is not accepted. */
  | "credentials"
  /** Most device tokens are refused: wrong app, environment or project. */
  | "tokens refused"
  /** The service's certificate is not trusted. */
  | "tls"
  | "timeout"
  | "unreachable"
  /** The service fails (5xx). */
  | "fails"
  /** Something else answers in its place. */
  | "not the service"
  /** More wait than the stage holds. */
  | "queue full"
  | "other"

/**
 * The words for a verdict that is not `Delivered`. Gateways tell trouble in sentences for the operator; each has one of a
 * few forms, and what fits none is `other`.
 */
export const failureReason = (verdict: Exclude<Verdict, { readonly _tag: "Delivered" }>): FailureReason => {
  switch (verdict._tag) {
    case "TokenDead":
      return "token dead"
    case "RetryLater":
      return "throttled"
    case "Rejected":
      return /\b413\b|TooLarge|TOO_LARGE|too (?:large|long)/i.test(verdict.reason) ? "too large" : "refused"
    case "GatewayDown":
      return FORMS.find(([form]) => form.test(verdict.reason))?.[1] ?? "other"
  }
}

const FORMS: ReadonlyArray<readonly [RegExp, FailureReason]> = [
  [/queue full/, "queue full"],
  [/refuses most device tokens/, "tokens refused"],
  [/does not trust this ENS|does not accept (?:this ENS|our certificate)/, "credentials"],
  [/is not trusted|fails TLS/, "tls"],
  [/does not answer|no answer|not sent in time/, "timeout"],
  [/cannot be reached|breaks the connection off/, "unreachable"],
  [/ fails \(/, "fails"],
  [/in a form that is not|is not there/, "not the service"]
]
