import { Either, ParseResult, Schema } from "effect"
import { AuthType } from "./Credentials.ts"
import {
  deviceId,
  deviceToken,
  ewsUrl,
  exchangeVersion,
  flag,
  nameOf,
  policy,
  shortText,
  textOf,
  userId
} from "./DeviceFields.ts"
import { LinkState } from "./LinkState.ts"

/**
 * What devices send and get (contract section 2). Keys are matched ignoring case and unknown keys are ignored; a field
 * that is null, or empty where empty means nothing, counts as absent.
 */

/** The request cannot be used: code 32. The message names the field and never repeats its value. */
export class RequestUnusable extends Schema.TaggedError<RequestUnusable>()("RequestUnusable", {
  reason: Schema.String
}) {
  override get message() {
    return this.reason
  }
}

const absent = { exact: true } as const

export const GetPublicKeyRequest = Schema.Struct({ userId })
export type GetPublicKeyRequest = typeof GetPublicKeyRequest.Type

export const RegisterDeviceRequest = Schema.Struct({
  userId,
  deviceToken,
  deviceType: nameOf("iOS", "Android"),
  bundleId: textOf(255, "The app's bundle id or package name."),
  deviceId: Schema.optionalWith(deviceId, absent),
  /** Read by `readAuthType`, because an unknown one has a code of its own (36). */
  authType: Schema.Union(Schema.String, Schema.Number).annotations({
    description: "Basic, OAuth, Certificate or Dual, ignoring case; or their numbers 0 to 3."
  }),
  payload: Schema.String.annotations({
    description: "Credentials as JSON, encrypted to the user's public key in PKCS#1 v1.5 blocks, base64."
  }),
  ewsUrl: Schema.optionalWith(ewsUrl, absent),
  exchangeVersion: Schema.optionalWith(exchangeVersion, absent),
  policyLimitNotificationText: Schema.optionalWith(policy, { default: () => 1 as const, exact: true }),
  sound: Schema.optionalWith(shortText(255, "Absent: the default sound; empty: none."), absent),
  pushEnvironment: Schema.optionalWith(nameOf("production", "sandbox"), {
    default: () => "production" as const,
    exact: true
  }),
  forceSubscription: Schema.optionalWith(flag, { default: () => false, exact: true })
})
export type RegisterDeviceRequest = typeof RegisterDeviceRequest.Type

export const GetSubscriptionStatusRequest = Schema.Struct({
  userId,
  deviceToken: Schema.optionalWith(deviceToken, absent)
})
export type GetSubscriptionStatusRequest = typeof GetSubscriptionStatusRequest.Type

export const UpdateDeviceTokenRequest = Schema.Struct({
  userId,
  oldDeviceToken: deviceToken,
  newDeviceToken: deviceToken
})
export type UpdateDeviceTokenRequest = typeof UpdateDeviceTokenRequest.Type

/** ENS2's apps send a payload too; it proves nothing that the API token does not, so it is not opened. */
export const UnregisterRequest = Schema.Struct({
  userId,
  deviceToken,
  ewsUrl: Schema.optionalWith(ewsUrl, absent),
  payload: Schema.optionalWith(Schema.String, absent)
})
export type UnregisterRequest = typeof UnregisterRequest.Type

/** What every answer has (ENS2's fields exactly). */
const envelope = {
  responseCode: Schema.Int,
  errorMessage: Schema.String,
  version: Schema.String,
  environmentType: Schema.String,
  retryAfterSeconds: Schema.optionalWith(Schema.Int, absent)
}

export const Envelope = Schema.Struct(envelope)
export const GetPublicKeyAnswer = Schema.Struct({ ...envelope, publicKey: Schema.String })
export const RegisterDeviceAnswer = Schema.Struct({
  ...envelope,
  subscriptionId: Schema.optionalWith(Schema.String, absent)
})
export const GetSubscriptionStatusAnswer = Schema.Struct({
  ...envelope,
  state: LinkState,
  lastHeartbeat: Schema.NullOr(Schema.String)
})

/** How a device says its user logs in: names ignoring case, or ENS2's numbers; undefined = unknown (code 36). */
export const readAuthType = (value: string | number): AuthType | undefined => {
  const text = String(value).trim().toLowerCase()
  const { literals } = AuthType
  return /^\d$/.test(text) ? literals[Number(text)] : literals.find((name) => name.toLowerCase() === text)
}

/** A reader of one kind of request out of parsed JSON; compile it once. */
export const requestReader = <Fields extends Schema.Struct.Fields>(
  schema: Schema.Struct<Fields> & Schema.Schema<Schema.Struct.Type<Fields>, Schema.Struct.Encoded<Fields>>
): ((json: unknown) => Either.Either<Schema.Struct.Type<Fields>, RequestUnusable>) => {
  const names = new Map(Object.keys(schema.fields).map((name) => [name.toLowerCase(), name]))
  const decode = Schema.decodeUnknownEither(schema)
  return (json) => {
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      return Either.left(new RequestUnusable({ reason: "the body must be a JSON object" }))
    }
    const fields: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(json)) {
      const name = names.get(key.toLowerCase())
      if (name === undefined || value === null || (value === "" && name !== "sound")) continue
      // Who checks requests on their way here may have looked at the other one.
      if (Object.hasOwn(fields, name)) {
        return Either.left(new RequestUnusable({ reason: `${name} must be given once` }))
      }
      fields[name] = value
    }
    return Either.mapLeft(decode(fields), unusable)
  }
}

const unusable = (error: ParseResult.ParseError) => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  const field = issue?.path.join(".") ?? ""
  const reason = issue?._tag === "Missing" ? "is missing" : (issue?.message ?? "is unusable")
  // The schema library's own messages quote the value.
  return new RequestUnusable({
    reason: `${field} ${/^(must|is) /.test(reason) ? reason : "has the wrong type"}`
  })
}
