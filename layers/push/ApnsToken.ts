import { sign } from "node:crypto"
import type { ApnsKey } from "./ApnsKeys.ts"

/** Apple takes no token that is older than 60 min, and blames who makes one more often than every 20 (both in ms). */
export const TOKEN_RENEWED = 50 * 60_000
export const TOKEN_KEPT = 20 * 60_000

/**
 * The token that shows Apple who sends, one for all connections of a key: a JSON Web Token signed by the key (ES256),
 * made anew after 50 min. See Apple, "Establishing a token-based connection to APNs". Times are milliseconds since 1970.
 */
export class ApnsToken {
  readonly #key: ApnsKey
  #token = ""
  #madeAt = Number.NEGATIVE_INFINITY
  #refused = false

  constructor(key: ApnsKey) {
    this.#key = key
  }

  current(now: number): string {
    const age = now - this.#madeAt
    // A clock that was put back would otherwise keep a token that Apple sees as made in the future.
    if (age >= (this.#refused ? TOKEN_KEPT : TOKEN_RENEWED) || age < 0) {
      this.#token = signed(this.#key, now)
      this.#madeAt = now
      this.#refused = false
    }
    return this.#token
  }

  /** Apple does not take it: another one is made as soon as Apple allows. */
  refuse(): void {
    this.#refused = true
  }
}

const signed = ({ key, keyId, teamId }: ApnsKey, now: number): string => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const text = `${part({ alg: "ES256", kid: keyId })}.${part({ iss: teamId, iat: Math.floor(now / 1000) })}`
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`
}
