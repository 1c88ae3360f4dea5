import type { UserNumber } from "../../schemas/Ids.ts"
import type { CallbackClaim } from "./CallbackHeader.ts"
import type { CallbackMac } from "./CallbackMac.ts"
import type { CallbackAddress } from "./CallbackSeal.ts"

/** Several versions of the key behind `s`: the newest signs, older ones go on verifying until `keepNewest`. */
export class CallbackMacs {
  readonly #newest: CallbackMac
  #older: ReadonlyArray<CallbackMac>

  constructor(newest: CallbackMac, older: ReadonlyArray<CallbackMac>) {
    this.#newest = newest
    this.#older = older
  }

  /** How many versions verify. */
  get versions(): number {
    return 1 + this.#older.length
  }

  sign(user: UserNumber, header: CallbackClaim, f: string): string {
    return this.#newest.sign(user, header, f)
  }

  /** As `CallbackMac.verify`, each version in constant time; the work is as many times more for what nobody made. */
  verify(id: string, f: string, s: string): CallbackAddress | undefined {
    const address = this.#newest.verify(id, f, s)
    if (address !== undefined || this.#older.length === 0) return address
    for (const mac of this.#older) {
      const old = mac.verify(id, f, s)
      if (old !== undefined) return old
    }
    return undefined
  }

  keepNewest(): void {
    this.#older = []
  }
}
