import { Clock, Effect, Redacted, Schema } from "effect"
import { FORMER_KEPT } from "../../actors/KeyAge.ts"
import type { MasterKey, SealBroken } from "../../layers/crypto/MasterKey.ts"
import { PayloadUnreadable, type RsaKeys } from "../../layers/crypto/RsaKeys.ts"
import { openPayload } from "../../layers/crypto/UserKeyring.ts"
import { type KeyedUser, Storage } from "../../layers/storage/Storage.ts"
import { type AuthType, type Credentials, CredentialsPayload } from "../../schemas/Credentials.ts"
import type { RegisterDeviceRequest } from "../../schemas/DeviceApi.ts"
import { userIdOfAddress } from "../../schemas/Ids.ts"
import type { StorageError } from "../../schemas/StorageError.ts"

/** The auth type named in the request does not fit what the payload holds: code 36. */
export class AuthTypeMismatch extends Schema.TaggedError<AuthTypeMismatch>()("AuthTypeMismatch", {
  authType: Schema.String
}) {
  override get message() {
    return `the payload does not hold what authType ${this.authType} needs`
  }
}

/** What a registration payload proves and carries. */
export interface OpenedPayload {
  readonly credentials: Redacted.Redacted<Credentials>
  /** Milliseconds since 1970; null where no access token is used. */
  readonly tokenExpiresAt: number | null
}

/**
 * Opens the payload and holds it against the request. Whatever is wrong with its content is `PayloadUnreadable` with one
 * text, so that nobody learns by trying what a payload of somebody else holds; the log (debug) and the user's history say
 * which check failed.
 */
export const openRegistration = Effect.fnUntraced(function* (
  user: KeyedUser,
  request: RegisterDeviceRequest,
  authType: AuthType
): Effect.fn.Return<
  OpenedPayload,
  PayloadUnreadable | AuthTypeMismatch | SealBroken | StorageError,
  Storage | MasterKey | RsaKeys
> {
  const now = yield* Clock.currentTimeMillis
  const payload = yield* readPayload(user, request.payload).pipe(
    Effect.catchTag("PayloadUnreadable", () => readFormerly(user, request.payload, now))
  )
  const wrong = mismatch(payload, request, user, now)
  if (wrong !== undefined) return yield* unreadable(wrong)
  const credentials = credentialsFor(authType, payload)
  if (credentials === undefined) return yield* new AuthTypeMismatch({ authType })
  const { accessToken } = credentials
  const expiry = accessToken === undefined ? null : expiryOf(payload, accessToken, now)
  if (Number.isNaN(expiry)) return yield* unreadable("accessTokenExpiresAt")
  return { credentials: Redacted.make(credentials), tokenExpiresAt: expiry }
})

/** A wrong key yields rubbish as often as an error, so that only the content tells. */
const readPayload = (user: KeyedUser, payload: string) =>
  Effect.flatMap(openPayload(user, payload), (text) => parsePayload(Redacted.value(text))).pipe(
    Effect.catchTag("ParseError", () => new PayloadUnreadable())
  )

/** The phone may have asked for the public key just before it was replaced. */
const readFormerly = Effect.fnUntraced(function* (user: KeyedUser, payload: string, now: number) {
  if (now - user.registrationKeyMadeAt > FORMER_KEPT) return yield* unreadable("key or content")
  const keys = yield* (yield* Storage).formerKeys(user.user)
  const former = keys.find(({ kind }) => kind === "registration")
  if (former === undefined) return yield* unreadable("key or content")
  return yield* readPayload({ ...user, registrationKey: former.wrapped }, payload).pipe(
    Effect.catchTag("PayloadUnreadable", () => unreadable("key or content"))
  )
})

const parsePayload = Schema.decode(Schema.parseJson(CredentialsPayload))

const unreadable = (what: string) =>
  Effect.logDebug(`registration payload refused: ${what}`).pipe(
    Effect.zipRight(Effect.fail(new PayloadUnreadable({ failing: what })))
  )

const MAX_AGE = 10 * 60_000
const USUAL_TOKEN_LIFE = 60 * 60_000

/** Which statement inside the payload contradicts the request around it. */
const mismatch = (
  payload: CredentialsPayload,
  request: RegisterDeviceRequest,
  user: KeyedUser,
  now: number
): string | undefined => {
  if (userIdOfAddress(payload.emailAddress) !== user.userId) return "emailAddress"
  if (payload.ewsUrl !== undefined && !sameUrl(payload.ewsUrl, request.ewsUrl)) return "ewsUrl"
  if (payload.deviceToken !== undefined && payload.deviceToken !== request.deviceToken) return "deviceToken"
  // Also wrong if unreadable: no comparison with NaN is true.
  if (payload.issuedAt !== undefined && !(Math.abs(now - Date.parse(payload.issuedAt)) < MAX_AGE)) {
    return "issuedAt"
  }
  return undefined
}

const sameUrl = (inside: string, outside: string | undefined) =>
  outside !== undefined && URL.canParse(inside) && normal(inside) === normal(outside)

const normal = (url: string) => new URL(url).href.toLowerCase().replace(/\/+$/, "")

/** Only what the auth type uses; what else the payload holds goes no further. */
const credentialsFor = (authType: AuthType, payload: CredentialsPayload): Credentials | undefined => {
  const { username, domain, password, accessToken, certificate, certificatePassword } = payload
  const usesCertificate = authType === "Certificate" || authType === "Dual"
  const bearer = authType === "OAuth" || (authType === "Dual" && filled(accessToken))
  const basic = authType === "Basic" || (authType === "Dual" && !bearer)
  if (usesCertificate && !filled(certificate)) return undefined
  if (bearer && !filled(accessToken)) return undefined
  if (basic && !filled(password)) return undefined
  return {
    address: payload.emailAddress,
    ...(basic && filled(username) ? { username } : {}),
    ...(basic && filled(domain) ? { domain } : {}),
    ...(basic && filled(password) ? { password } : {}),
    ...(bearer && filled(accessToken) ? { accessToken } : {}),
    ...(usesCertificate && filled(certificate) ? { certificate } : {}),
    ...(usesCertificate && certificatePassword !== undefined ? { certificatePassword } : {})
  }
}

const filled = (text: string | undefined): text is string => text !== undefined && text !== ""

/** What the app says, else the JWT's `exp` (RFC 7519 section 4.1.4), else an hour; NaN if the app's word is no time. */
const expiryOf = (payload: CredentialsPayload, accessToken: string, now: number): number =>
  filled(payload.accessTokenExpiresAt)
    ? Date.parse(payload.accessTokenExpiresAt)
    : (jwtExpiry(accessToken) ?? now + USUAL_TOKEN_LIFE)

const Claims = Schema.parseJson(Schema.Struct({ exp: Schema.Finite }))
const readClaims = Schema.decodeOption(Claims)

const jwtExpiry = (token: string): number | undefined => {
  const claims = readClaims(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"))
  return claims._tag === "Some" && claims.value.exp > 0 && claims.value.exp < LAST_SECOND
    ? Math.floor(claims.value.exp * 1000)
    : undefined
}

/** The year 5138: more is no time at all. */
const LAST_SECOND = 1e11
