import { Schema } from "effect"
import { AuthType } from "./Credentials.ts"
import { EwsEvent, ExchangeVersion } from "./EwsMessage.ts"
import { ActivityId, Generation, SubscriptionId, Watermark } from "./Ids.ts"
import { LinkState } from "./LinkState.ts"
import type { ResponseName } from "./ResponseCode.ts"

/**
 * What an actor understands. Plain data without handles, so that the same messages can later travel to another node:
 * whoever delivers one makes the way back for its reply.
 */

/**
 * `Ok` and `Unsubscribe` are for Exchange; `Retry` becomes HTTP 503, so that Exchange sends the same again. `Unknown`: as
 * far as storage knows there is no such user; that means `Unsubscribe`, unless so many are unknown that storage itself
 * must be doubted.
 */
export const CallbackReply = Schema.Literal("Ok", "Retry", "Unsubscribe", "Unknown")
export type CallbackReply = typeof CallbackReply.Type

/**
 * An authentic callback of Exchange (its MAC was right); answered by a `CallbackReply`. A plain structure and no class:
 * there are thousands a second, and making a class's instance costs more than deciding about it.
 */
export const Callback = Schema.TaggedStruct("Callback", {
  activityId: ActivityId,
  generation: Generation,
  subscriptionId: Schema.UndefinedOr(SubscriptionId),
  previousWatermark: Schema.UndefinedOr(Watermark),
  /** Empty for an error callback. */
  events: Schema.Array(EwsEvent),
  /** ResponseCode of an error callback: the subscription is broken. */
  errorCode: Schema.UndefinedOr(Schema.String),
  /** The sealed credentials, as they stood in the URL. */
  f: Schema.Redacted(Schema.String),
  /** Too many callbacks are being held: send mails out without details instead of asking Exchange. */
  hurried: Schema.Boolean
})
export type Callback = typeof Callback.Type

const ResponseNameSchema = Schema.String as unknown as Schema.Schema<ResponseName>

/** What a device is told: a response code, and the text for `errorMessage` ("" on success). */
export const DeviceReply = Schema.Struct({
  code: ResponseNameSchema,
  message: Schema.String,
  /** HTTP status where it is not the code's own (429, 503). */
  status: Schema.optional(Schema.Int),
  retryAfterSeconds: Schema.optional(Schema.Int),
  subscriptionId: Schema.optional(Schema.String),
  state: Schema.optional(LinkState),
  /** Milliseconds since 1970, null = never. */
  lastHeartbeat: Schema.optional(Schema.NullOr(Schema.Number))
})
export type DeviceReply = typeof DeviceReply.Type

const CredentialsSchema = Schema.Struct({
  address: Schema.String,
  username: Schema.optionalWith(Schema.String, { exact: true }),
  domain: Schema.optionalWith(Schema.String, { exact: true }),
  password: Schema.optionalWith(Schema.String, { exact: true }),
  accessToken: Schema.optionalWith(Schema.String, { exact: true }),
  certificate: Schema.optionalWith(Schema.String, { exact: true }),
  certificatePassword: Schema.optionalWith(Schema.String, { exact: true })
})

const RegisteringDevice = Schema.Struct({
  token: Schema.String,
  platform: Schema.Literal("iOS", "Android"),
  bundleId: Schema.String,
  deviceId: Schema.NullOr(Schema.String),
  policy: Schema.Literal(0, 1, 2, 3, 4),
  sound: Schema.NullOr(Schema.String),
  environment: Schema.Literal("production", "sandbox")
})

/** A device asks for notifications. The payload is decrypted, its address is the user's, the URL is none that is refused. */
export class Register extends Schema.TaggedRequest<Register>()("Register", {
  failure: Schema.Never,
  success: DeviceReply,
  payload: {
    activityId: ActivityId,
    device: RegisteringDevice,
    authType: AuthType,
    credentials: Schema.Redacted(CredentialsSchema),
    /** Milliseconds since 1970; null for passwords. */
    tokenExpiresAt: Schema.NullOr(Schema.Number),
    /** undefined: wherever the mailbox is. */
    ewsUrl: Schema.UndefinedOr(Schema.String),
    exchangeVersion: Schema.UndefinedOr(ExchangeVersion),
    force: Schema.Boolean
  }
}) {}

export class GetStatus extends Schema.TaggedRequest<GetStatus>()("GetStatus", {
  failure: Schema.Never,
  success: DeviceReply,
  payload: { activityId: ActivityId, deviceToken: Schema.UndefinedOr(Schema.String) }
}) {}

export class UpdateDeviceToken extends Schema.TaggedRequest<UpdateDeviceToken>()("UpdateDeviceToken", {
  failure: Schema.Never,
  success: DeviceReply,
  payload: { activityId: ActivityId, oldToken: Schema.String, newToken: Schema.String }
}) {}

/**
 * Why a device is removed that did not ask for it: its app was not heard of since that time (ms since 1970), or its user's
 * subscription is lost. A lost user without any device is removed, too, whatever the token.
 */
export const RemovalReason = Schema.Union(
  Schema.TaggedStruct("NotSeenSince", { at: Schema.Number }),
  Schema.TaggedStruct("Lost", {})
)
export type RemovalReason = typeof RemovalReason.Type

export class Unregister extends Schema.TaggedRequest<Unregister>()("Unregister", {
  failure: Schema.Never,
  success: DeviceReply,
  payload: {
    activityId: ActivityId,
    deviceToken: Schema.String,
    ewsUrl: Schema.UndefinedOr(Schema.String),
    /** Given by who clears up: what must be so still when it is done, else the device stays. */
    onlyIf: Schema.optional(RemovalReason)
  }
}) {}

/** A gateway takes notifications again: send what waits in the outbox. Answers how many entries left it. */
export class FlushOutbox extends Schema.TaggedRequest<FlushOutbox>()("FlushOutbox", {
  failure: Schema.Never,
  success: Schema.Int,
  payload: { activityId: ActivityId }
}) {}

export type SubscriptionRequest =
  | Callback
  | Register
  | GetStatus
  | UpdateDeviceToken
  | Unregister
  | FlushOutbox
