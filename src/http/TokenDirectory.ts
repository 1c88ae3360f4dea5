import { createHmac, randomBytes } from "node:crypto"
import type { TokenEntry } from "../../layers/storage/Storage.ts"

/**
 * All API tokens of a moment by their SHA-256, with what they prove; ended ones too.
 *
 * They are looked up by an HMAC of the hash under a random key that lives and dies with this object. How long a look-up in a
 * map takes may depend on how much of two keys is equal, but nobody outside can compute these keys, nor steer them: one who
 * chooses tokens so that their hashes begin like another's gets keys that have nothing in common. So time tells nothing of
 * the tokens that there are, and it does not grow with their number. The hash alone would do nearly as well, as long as
 * SHA-256 is not reversed; the HMAC needs no such argument.
 */
export class TokenDirectory {
  readonly #key = randomBytes(32)
  readonly #entries: ReadonlyMap<string, TokenEntry>

  constructor(entries: Iterable<TokenEntry>) {
    this.#entries = new Map(Array.from(entries, (entry) => [this.#keyOf(entry.hash), entry]))
  }

  /** Undefined: no such token. */
  find(hash: Uint8Array): TokenEntry | undefined {
    return this.#entries.get(this.#keyOf(hash))
  }

  #keyOf(hash: Uint8Array): string {
    return createHmac("sha256", this.#key).update(hash).digest("base64")
  }
}
