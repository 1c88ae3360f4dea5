import { createHash, randomBytes } from "node:crypto"
import { Effect, Redacted } from "effect"

/** A new API token: 256 random bits as `ens_` and base64url. Shown once, stored as a hash only. */
export const makeApiToken: Effect.Effect<Redacted.Redacted<string>> = Effect.sync(() =>
  Redacted.make(`ens_${randomBytes(32).toString("base64url")}`)
)

/** SHA-256 of a token, what storage knows of it. A plain hash will do: a token has no less entropy than its hash. */
export const hashApiToken = (token: string): Buffer => createHash("sha256").update(token, "utf8").digest()

/** How a token may stand in a log, as in ENS2's: `12341*****fasdf`. Nothing of a short (imported) token is shown. */
export const maskApiToken = (token: string): string =>
  token.length < SHORT ? STARS : `${token.slice(0, SHOWN)}${STARS}${token.slice(-SHOWN)}`

const STARS = "*****"
const SHOWN = 5
/** Below this the shown characters would be too much of the secret. */
const SHORT = 20
