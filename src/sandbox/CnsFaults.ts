import { Schema } from "effect"

const times = {
  /** How many requests (or notifications, where one is meant); absent = until cleared. */
  times: Schema.optional(Schema.Int.pipe(Schema.positive()))
}
/** Which notification is meant; absent = any. */
const which = { deviceToken: Schema.optional(Schema.String), id: Schema.optional(Schema.String) }

/** Something that goes wrong at CNS by script. */
export const CnsFault = Schema.Union(
  /** A bare HTTP status; `retryAfter` is the header's value (seconds or a date). */
  Schema.Struct({
    kind: Schema.Literal("status"),
    status: Schema.Int.pipe(Schema.between(400, 599)),
    retryAfter: Schema.optional(Schema.String),
    ...times
  }),
  /** 401 with error code 2007: the signing certificate is not accepted. */
  Schema.Struct({ kind: Schema.Literal("unauthorized"), ...times }),
  /** One notification is refused for good. */
  Schema.Struct({
    kind: Schema.Literal("reject"),
    reason: Schema.optional(Schema.String),
    ...which,
    ...times
  }),
  /** One notification is to be sent again, after `retryAfter` seconds. */
  Schema.Struct({
    kind: Schema.Literal("retry"),
    retryAfter: Schema.optional(Schema.Number),
    ...which,
    ...times
  }),
  Schema.Struct({ kind: Schema.Literal("slow"), milliseconds: Schema.Number, ...times }),
  /** 200 with something that is not the answer. */
  Schema.Struct({ kind: Schema.Literal("malformed"), ...times }),
  /** Takes the notifications, then cuts the connection instead of answering. */
  Schema.Struct({ kind: Schema.Literal("cut"), ...times })
)
export type CnsFault = typeof CnsFault.Type
