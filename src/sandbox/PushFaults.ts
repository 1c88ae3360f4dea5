import { Schema } from "effect"

const limits = {
  /** How many requests; absent = until cleared. */
  times: Schema.optional(Schema.Int.pipe(Schema.positive())),
  /** How long; absent = until cleared. */
  seconds: Schema.optional(Schema.Number.pipe(Schema.positive())),
  /** Whose notifications are meant; absent = anybody's. */
  deviceToken: Schema.optional(Schema.NonEmptyString)
}
/** Value of the header Retry-After: seconds, or a date. */
const retryAfter = Schema.optional(Schema.String)

/**
 * Something that goes wrong at APNs, FCM or SNS by script: the same kinds for all three, each in the words of the service
 * that has it.
 */
export const PushFault = Schema.Union(
  /** The app is gone from the phone, or the token is an old one: it will never work again. */
  Schema.Struct({ kind: Schema.Literal("dead"), ...limits }),
  /** The token is none of this app's, environment's or project's. */
  Schema.Struct({ kind: Schema.Literal("badToken"), ...limits }),
  /** Something about this notification is wrong, and will be wrong again. */
  Schema.Struct({ kind: Schema.Literal("reject"), ...limits }),
  /** Too much is sent: to this device if one is named, else by everyone. */
  Schema.Struct({ kind: Schema.Literal("throttled"), retryAfter, ...limits }),
  /** The key, the account or the credentials are not accepted. */
  Schema.Struct({ kind: Schema.Literal("unauthorized"), ...limits }),
  /** Any other status; with the service's own word for a reason, or without a body. */
  Schema.Struct({
    kind: Schema.Literal("status"),
    status: Schema.Int.pipe(Schema.between(400, 599)),
    reason: Schema.optional(Schema.String.pipe(Schema.pattern(/^[A-Za-z_]{1,64}$/))),
    retryAfter,
    ...limits
  }),
  Schema.Struct({ kind: Schema.Literal("slow"), milliseconds: Schema.NonNegative, ...limits }),
  /** 200 with something that is not the service's answer; nothing is taken. */
  Schema.Struct({ kind: Schema.Literal("malformed"), ...limits }),
  /** Takes the notification, then cuts the connection instead of answering. */
  Schema.Struct({ kind: Schema.Literal("cut"), ...limits })
)
export type PushFault = typeof PushFault.Type

/** One of them by its kind. */
export type PushFaultOf<K extends PushFault["kind"]> = Extract<PushFault, { readonly kind: K }>

/** Those that are answers. */
export type PushFaultAnswer = Exclude<PushFault, PushFaultOf<"slow"> | PushFaultOf<"cut">>

/** Headers of an answer that names the time to wait. */
export const waiting = (retryAfter: string | undefined): Readonly<Record<string, string>> =>
  retryAfter === undefined ? {} : { "retry-after": retryAfter }
