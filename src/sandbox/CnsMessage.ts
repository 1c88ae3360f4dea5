import { Schema } from "effect"

/**
 * What CNS is sent, read as strictly as we can: the real body is not public, so this stand-in holds the product to its
 * own contract (section 4). Written apart from the product's schema on purpose.
 */
const Ios = Schema.Struct({
  aps: Schema.Struct({
    alert: Schema.optional(
      Schema.Struct({
        title: Schema.optional(Schema.String),
        subtitle: Schema.optional(Schema.String),
        body: Schema.optional(Schema.String)
      })
    ),
    badge: Schema.optional(Schema.Int.pipe(Schema.nonNegative())),
    sound: Schema.optional(Schema.String),
    "mutable-content": Schema.optional(Schema.Literal(1)),
    "content-available": Schema.optional(Schema.Literal(1))
  }),
  ens: Schema.Struct(
    { action: Schema.Literal("newMail", "badge", "resubscribe"), userId: Schema.String },
    Schema.Record({ key: Schema.String, value: Schema.Unknown })
  )
})

/** FCM data: strings only. */
const Android = Schema.Struct(
  { action: Schema.Literal("newMail", "resubscribe") },
  Schema.Record({ key: Schema.String, value: Schema.String })
)

const common = {
  id: Schema.NonEmptyString.pipe(Schema.maxLength(64)),
  deviceToken: Schema.NonEmptyString,
  bundleId: Schema.NonEmptyString,
  priority: Schema.Literal("high", "normal")
}

export const CnsNotification = Schema.Union(
  Schema.Struct({ ...common, deviceType: Schema.Literal("iOS"), payload: Ios }),
  Schema.Struct({ ...common, deviceType: Schema.Literal("Android"), payload: Android })
)
export type CnsNotification = typeof CnsNotification.Type

export const CnsRequest = Schema.parseJson(
  Schema.Struct({ notifications: Schema.Array(CnsNotification).pipe(Schema.minItems(1)) })
)
