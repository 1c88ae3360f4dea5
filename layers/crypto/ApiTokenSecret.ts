import { createHash, randomBytes } from "node:crypto"
import { Effect, Redacted } from "effect"

/**
 * A new API token: 256 random bits as `ens_` and base64url. Shown once, stored as a hash only. Scanners for leaked secrets
 * find it by prefix and length (docs/security.md has the expression); a checksum at its end would make it longer to type and
 * find no more.
 */
export const makeApiToken: Effect.Effect<Redacted.Redacted<string>> = Effect.sync(() => made("ens_"))

/** A new admin token, which opens the console and nothing else: 256 random bits as `ensadm-` and base64url. */
export const makeAdminToken: Effect.Effect<Redacted.Redacted<string>> = Effect.sync(() => made("ensadm-"))

/** SHA-256 of a token, what storage knows of it. A plain hash will do: a token has no less entropy than its hash. */
export const hashApiToken = (token: string): Buffer => createHash("sha256").update(token, "utf8").digest()

/** How a token may stand in a log, as in ENS2's: `12341*****fasdf`. Nothing of a short (imported) token is shown. */
export const maskApiToken = (token: string): string =>
  token.length < SHORT ? STARS : `${token.slice(0, SHOWN)}${STARS}${token.slice(-SHOWN)}`

/** The prefix tells people, and scanners for leaked secrets, what it is. */
const made = (prefix: string) => Redacted.make(prefix + randomBytes(32).toString("base64url"))

const STARS = "*****"
const SHOWN = 5
/** Below this the shown characters would be too much of the secret. */
const SHORT = 20
