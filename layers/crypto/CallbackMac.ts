import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto"
import type { UserNumber } from "../../schemas/Ids.ts"
import { type CallbackHeader, headerOf } from "./CallbackHeader.ts"
import type { CallbackAddress } from "./CallbackSeal.ts"

/** A callback URL is shorter than this (contract section 3), and so is everything in it. */
export const URL_LIMIT = 2_000

/** Characters of `s`: 128 bits as base64url. */
export const MAC_CHARACTERS = 22

/** Makes and checks `s`. The key lives on as a KeyObject, which node:crypto takes up four times faster than raw bytes. */
export class CallbackMac {
  readonly #key: KeyObject

  /** Takes the raw key over and wipes it. */
  constructor(raw: Buffer) {
    this.#key = createSecretKey(raw)
    raw.fill(0)
  }

  sign(user: UserNumber, header: CallbackHeader, f: string): string {
    return createHmac("sha256", this.#key)
      .update(`ens-callback|${header.tenant}|${user}|${header.generation}|${f}`, "utf8")
      .digest()
      .toString("base64url", 0, 16)
  }

  /** Never throws, whatever the strings are. The work is bounded, because nothing longer than a URL is looked at. */
  verify(id: string, f: string, s: string): CallbackAddress | undefined {
    if (f.length >= URL_LIMIT || !MAC.test(s) || !USER_NUMBER.test(id)) return undefined
    const header = headerOf(f)
    if (header === undefined) return undefined
    const user = id as UserNumber
    // Compared as text: of the several base64url spellings of the same bytes only the one that we write is ours.
    if (!timingSafeEqual(Buffer.from(s, "latin1"), Buffer.from(this.sign(user, header, f), "latin1"))) {
      return undefined
    }
    return { user, tenant: header.tenant, generation: header.generation, mode: header.mode }
  }
}

const MAC = /^[A-Za-z0-9_-]{22}$/
const USER_NUMBER = /^[1-9][0-9]{0,14}$/
