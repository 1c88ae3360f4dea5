import { Schema } from "effect"

/**
 * What goes to CNS (Cloud Notification Service) and comes back. URL, signature and the two short answers are ENS2's; the
 * body and `results` are ours, because nothing about them is public: this file is the one place to change them.
 */

export const CnsNotification = Schema.Struct({
  /** Stable per (device, item): the same in a repeat. */
  id: Schema.String,
  deviceToken: Schema.String,
  deviceType: Schema.Literal("iOS", "Android"),
  bundleId: Schema.String,
  priority: Schema.Literal("high", "normal"),
  /** iOS: the APNs payload. Android: FCM's flat map of strings. */
  payload: Schema.Record({ key: Schema.String, value: Schema.Unknown })
})
export type CnsNotification = typeof CnsNotification.Type

/** Body of `POST ENS_CNS_URL`. */
export const CnsRequest = Schema.Struct({ notifications: Schema.Array(CnsNotification) })
export type CnsRequest = typeof CnsRequest.Type

/** How one notification fared. `status`: `success`, `retry` (with `retryAfter`, seconds), anything else is a refusal. */
export const CnsResult = Schema.Struct({
  id: Schema.String,
  status: Schema.String,
  reason: Schema.optional(Schema.NullOr(Schema.String)),
  retryAfter: Schema.optional(Schema.NullOr(Schema.Number))
})
export type CnsResult = typeof CnsResult.Type

/**
 * `{"status":"success","errorReason":null}` or `{"code":2007,"message":…}` [ENS2]: one of the two stands for the whole
 * request, unless `results` tell its notifications apart.
 */
export const CnsAnswer = Schema.Struct({
  status: Schema.optional(Schema.NullOr(Schema.String)),
  errorReason: Schema.optional(Schema.NullOr(Schema.String)),
  code: Schema.optional(Schema.NullOr(Schema.Union(Schema.Number, Schema.String))),
  message: Schema.optional(Schema.NullOr(Schema.String)),
  results: Schema.optional(Schema.NullOr(Schema.Array(CnsResult)))
}).pipe(
  Schema.filter(
    (answer) => (answer.status ?? answer.code ?? answer.results) != null || "neither status, code nor results"
  )
)
export type CnsAnswer = typeof CnsAnswer.Type

/** The signer's certificate is not trusted [ENS2: sent with 401]. */
export const CNS_SIGNER_NOT_TRUSTED = 2007
