import { Effect, Redacted, Schema } from "effect"
import type { AuthType, Credentials, CredentialsPayload } from "../../schemas/Credentials.ts"
import type { RegisterDeviceRequest } from "../../schemas/DeviceApi.ts"
import { type UserNumber, userIdOfAddress } from "../../schemas/Ids.ts"
import type { PayloadCheck } from "./PayloadRefusals.ts"

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
  readonly user: UserNumber
  readonly credentials: Redacted.Redacted<Credentials>
  /** Milliseconds since 1970; null where no access token is used. */
  readonly tokenExpiresAt: number | null
}

/** What of the payload the auth type uses; undefined if its `accessTokenExpiresAt` is no time. */
export const useFor = (
  authType: AuthType,
  payload: CredentialsPayload,
  now: number
): Effect.Effect<Omit<OpenedPayload, "user"> | undefined, AuthTypeMismatch> => {
  const credentials = credentialsFor(authType, payload)
  if (credentials === undefined) return new AuthTypeMismatch({ authType })
  const { accessToken } = credentials
  const expiry = accessToken === undefined ? null : expiryOf(payload, accessToken, now)
  return Effect.succeed(
    Number.isNaN(expiry) ? undefined : { credentials: Redacted.make(credentials), tokenExpiresAt: expiry }
  )
}

const MAX_AGE = 10 * 60_000
const USUAL_TOKEN_LIFE = 60 * 60_000

/**
 * Which statement inside the payload contradicts the request around it. `now`: milliseconds since 1970. All are compared
 * before one is named, so that the time tells of none.
 */
export const mismatch = (
  payload: CredentialsPayload,
  { deviceToken, ewsUrl, userId }: RegisterDeviceRequest,
  now: number
): Extract<PayloadCheck, "emailAddress" | "ewsUrl" | "deviceToken" | "issuedAt"> | undefined => {
  const isOwner = userIdOfAddress(payload.emailAddress) === userId
  const fitsUrl = payload.ewsUrl === undefined || sameUrl(payload.ewsUrl, ewsUrl)
  const fitsToken = payload.deviceToken === undefined || payload.deviceToken === deviceToken
  // Also wrong if unreadable: no comparison with NaN is true.
  const isFresh = payload.issuedAt === undefined || Math.abs(now - Date.parse(payload.issuedAt)) < MAX_AGE
  if (!isOwner) return "emailAddress"
  if (!fitsUrl) return "ewsUrl"
  if (!fitsToken) return "deviceToken"
  return isFresh ? undefined : "issuedAt"
}

const sameUrl = (inside: string, outside: string | undefined) =>
  outside !== undefined && URL.canParse(inside) && normal(inside) === normal(outside)

const normal = (url: string) => {
  const { href } = new URL(url)
  let end = href.length
  // By hand: an expression would begin anew at each of many slashes in a row.
  while (href[end - 1] === "/") end--
  return href.slice(0, end).toLowerCase()
}

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
    address: asCompared(payload.emailAddress),
    ...(basic && filled(username) ? { username } : {}),
    ...(basic && filled(domain) ? { domain } : {}),
    ...(basic && filled(password) ? { password } : {}),
    ...(bearer && filled(accessToken) ? { accessToken } : {}),
    ...(usesCertificate && filled(certificate) ? { certificate } : {}),
    ...(usesCertificate && certificatePassword !== undefined ? { certificatePassword } : {})
  }
}

const filled = (text: string | undefined): text is string => text !== undefined && text !== ""

/**
 * The address as it was hashed, but for the case of A to Z, which no server heeds: some other characters have a lower case that
 * is a letter of another address.
 */
const asCompared = (address: string): string => {
  const lower = address.toLowerCase()
  return lower === address.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) ? address : lower
}

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
