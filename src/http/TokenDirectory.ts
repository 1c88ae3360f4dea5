import { timingSafeEqual } from "node:crypto"
import type { Tenant } from "../../layers/storage/Storage.ts"

/** All API tokens of a moment by their SHA-256, with what they prove. */
export class TokenDirectory {
  readonly #byFirstByte = new Map<number, ReadonlyArray<Entry>>()

  constructor(entries: Iterable<Entry>) {
    for (const [first, some] of Map.groupBy(entries, ({ hash }) => hash[0] ?? 0)) {
      this.#byFirstByte.set(first, some)
    }
  }

  /**
   * Undefined: no such token. Compares with all hashes that begin with the same byte, each in constant time, so that how long
   * it takes says nothing about how much of a hash was right.
   */
  tenantOf(hash: Uint8Array): Tenant | undefined {
    let found: Tenant | undefined
    for (const entry of this.#byFirstByte.get(hash[0] ?? 0) ?? []) {
      if (entry.hash.length === hash.length && timingSafeEqual(entry.hash, hash)) found = entry.tenant
    }
    return found
  }
}

interface Entry {
  readonly hash: Uint8Array
  readonly tenant: Tenant
}
