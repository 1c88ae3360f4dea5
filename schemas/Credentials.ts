import { type Redacted, Schema } from "effect"

/** How a device says its user logs in: names ignoring case, or ENS2's numbers 0 to 3. */
export const AuthType = Schema.Literal("Basic", "OAuth", "Certificate", "Dual")
export type AuthType = typeof AuthType.Type

const text = Schema.optional(Schema.String)

/** The decrypted registration payload, as a device sends it (contract section 2). */
export class CredentialsPayload extends Schema.Class<CredentialsPayload>("CredentialsPayload")({
  emailAddress: Schema.NonEmptyTrimmedString,
  username: text,
  password: text,
  domain: text,
  accessToken: text,
  accessTokenExpiresAt: text,
  certificate: text,
  certificatePassword: text,
  ewsUrl: text,
  deviceToken: text,
  issuedAt: text
}) {}

/**
 * What opens a mailbox at Exchange. Exists in memory only while a registration or a callback is being handled, always
 * `Redacted`; at rest only as ciphertext in a callback URL. Either a password or an access token is present, or a
 * certificate (with `Dual`: a certificate and one of the others).
 */
export interface Credentials {
  readonly address: string
  readonly username?: string
  readonly domain?: string
  readonly password?: string
  readonly accessToken?: string
  /** base64 PKCS#12 */
  readonly certificate?: string
  readonly certificatePassword?: string
}

export type RedactedCredentials = Redacted.Redacted<Credentials>
