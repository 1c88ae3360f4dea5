import { Either, ParseResult, Schema } from "effect"
import { AuthType } from "./Credentials.ts"
import { EXCHANGE_VERSIONS, ExchangeVersion } from "./EwsMessage.ts"
import { UserId } from "./Ids.ts"
import { LinkState } from "./SubscriptionState.ts"

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

const textOf = (max: number) =>
  Schema.String.pipe(
    Schema.filter((text) => text.trim() !== "" || "must not be empty"),
    Schema.filter((text) => text.length <= max || `must have at most ${max} characters`),
    // It would reach log lines and headers.
    Schema.filter((text) => !/\p{Cc}/u.test(text) || "must not have control characters"),
    Schema.annotations({ jsonSchema: { type: "string", minLength: 1, maxLength: max } })
  )

/** One of the names, ignoring case. */
const nameOf = <const A extends string>(...names: ReadonlyArray<A>) =>
  Schema.transformOrFail(Schema.String, Schema.Literal(...(names as readonly [A, ...Array<A>])), {
    strict: true,
    decode: (text, _, ast) => {
      const found = names.find((name) => name.toLowerCase() === text.trim().toLowerCase())
      return found === undefined
        ? ParseResult.fail(new ParseResult.Type(ast, text, `must be one of ${names.join(", ")}`))
        : ParseResult.succeed(found)
    },
    encode: ParseResult.succeed
  })

const absent = { exact: true } as const

const userId = Schema.transform(Schema.String, UserId, {
  strict: true,
  decode: (text) => text.toLowerCase(),
  encode: (id) => id
}).annotations({ description: "Hexadecimal SHA-256 of the lower-cased e-mail address." })

const deviceToken = textOf(4096).annotations({ description: "The token that the push service gave the app." })

const ewsUrl = Schema.String.pipe(
  Schema.filter((text) => isWebUrl(text) || "must be an http or https URL without user name"),
  Schema.filter((text) => text.length <= 1024 || "must have at most 1024 characters")
).annotations({
  description: "Where the mailbox is; one of the tenant's. Absent: found out.",
  jsonSchema: { type: "string", format: "uri" }
})

const isWebUrl = (text: string) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
}

/** The number in the order of the EWS Managed API's enumeration, or the name. */
const exchangeVersion = Schema.transformOrFail(Schema.Union(Schema.Number, Schema.String), ExchangeVersion, {
  strict: true,
  decode: (value, _, ast) => {
    const text = String(value).trim().toLowerCase()
    const found = /^\d{1,2}$/.test(text)
      ? EXCHANGE_VERSIONS[Number(text)]
      : EXCHANGE_VERSIONS.find((name) => name.toLowerCase() === text)
    return found === undefined
      ? ParseResult.fail(
          new ParseResult.Type(
            ast,
            value,
            `must be 0 to ${EXCHANGE_VERSIONS.length - 1}, or a name like Exchange2013_SP1`
          )
        )
      : ParseResult.succeed(found)
  },
  encode: ParseResult.succeed
})

const policy = Schema.transformOrFail(
  Schema.Union(Schema.Number, Schema.String),
  Schema.Literal(0, 1, 2, 3, 4),
  {
    strict: true,
    decode: (value, _, ast) => {
      const found = ([0, 1, 2, 3, 4] as const).find((number) => String(number) === String(value).trim())
      return found === undefined
        ? ParseResult.fail(new ParseResult.Type(ast, value, "must be 0, 1, 2, 3 or 4"))
        : ParseResult.succeed(found)
    },
    encode: ParseResult.succeed
  }
).annotations({
  description:
    "0 sender, subject, preview · 1 sender, subject (default) · 2 sender · 3 New message · 4 badge only."
})

const flag = Schema.transformOrFail(Schema.Union(Schema.Boolean, Schema.String), Schema.Boolean, {
  strict: true,
  decode: (value, _, ast) => {
    const text = String(value).trim().toLowerCase()
    return text === "true" || text === "false"
      ? ParseResult.succeed(text === "true")
      : ParseResult.fail(new ParseResult.Type(ast, value, "must be true or false"))
  },
  encode: ParseResult.succeed
})

export const GetPublicKeyRequest = Schema.Struct({ userId })
export type GetPublicKeyRequest = typeof GetPublicKeyRequest.Type

export const RegisterDeviceRequest = Schema.Struct({
  userId,
  deviceToken,
  deviceType: nameOf("iOS", "Android"),
  bundleId: textOf(255).annotations({ description: "The app's bundle id or package name." }),
  deviceId: Schema.optionalWith(
    Schema.String.pipe(
      // It is sent on in a header that separates ids by commas.
      Schema.pattern(/^[\x21-\x2b\x2d-\x7e]{1,255}$/, {
        message: () => "must be at most 255 visible characters without spaces and commas"
      })
    ).annotations({ description: "The device's UEM id, sent on to a Secure Email Gateway." }),
    absent
  ),
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
  sound: Schema.optionalWith(
    Schema.String.pipe(
      Schema.filter((text) => text.length <= 255 || "must have at most 255 characters")
    ).annotations({ description: "Absent: the default sound; empty: none." }),
    absent
  ),
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
      if (name !== undefined && value !== null && (value !== "" || name === "sound")) fields[name] = value
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
