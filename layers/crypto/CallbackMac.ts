import { hash, timingSafeEqual } from "node:crypto"
import type { UserNumber } from "../../schemas/Ids.ts"
import { type CallbackHeader, headerOf } from "./CallbackHeader.ts"
import type { CallbackAddress } from "./CallbackSeal.ts"

/** A callback URL is shorter than this (contract section 3), and so is everything in it. */
export const URL_LIMIT = 2_000

/** Characters of `s`: 128 bits as base64url. */
export const MAC_CHARACTERS = 22

/**
 * Makes and checks `s`: HMAC-SHA-256 (RFC 2104), put together from two one-shot hashes. Node's Hmac is a native object
 * that has to be made and collected for each callback, and costs as much again as all the rest of the check.
 */
export class CallbackMac {
  /** What the inner hash is over: the padded key, then the message. */
  readonly #inner = Buffer.alloc(BLOCK + MESSAGE_MAX)
  /** What the outer hash is over: the padded key, then the inner hash. */
  readonly #outer = Buffer.alloc(BLOCK + DIGEST)

  /** The MAC as it should be, and as it was given; overwritten by the next check. */
  readonly #expected = Buffer.alloc(MAC_BYTES)
  readonly #given = Buffer.alloc(MAC_BYTES)

  /** Takes the raw key over and wipes it. */
  constructor(raw: Buffer) {
    for (let i = 0; i < BLOCK; i++) {
      this.#inner[i] = (raw[i] ?? 0) ^ 0x36
      this.#outer[i] = (raw[i] ?? 0) ^ 0x5c
    }
    raw.fill(0)
  }

  sign(user: UserNumber, header: CallbackHeader, f: string): string {
    this.#compute(user, header, f)
    return this.#expected.toString("base64url")
  }

  /** Never throws, whatever the strings are. The work is bounded, because nothing longer than a URL is looked at. */
  verify(id: string, f: string, s: string): CallbackAddress | undefined {
    if (f.length >= URL_LIMIT || !MAC.test(s) || !USER_NUMBER.test(id)) return undefined
    const header = headerOf(f)
    if (header === undefined) return undefined
    const user = id as UserNumber
    this.#compute(user, header, f)
    this.#given.write(s, "base64url")
    if (!timingSafeEqual(this.#given, this.#expected)) return undefined
    return { user, tenant: header.tenant, generation: header.generation, mode: header.mode }
  }

  /** Digests travel as Latin-1 strings, a character a byte: node:crypto makes those faster than buffers or hex. */
  #compute(user: UserNumber, header: CallbackHeader, f: string): void {
    const message = `ens-callback|${header.tenant}|${user}|${header.generation}|${f}`
    const end = BLOCK + this.#inner.write(message, BLOCK, "utf8")
    this.#outer.write(hash("sha256", this.#inner.subarray(0, end), "binary"), BLOCK, "latin1")
    this.#expected.write(hash("sha256", this.#outer, "binary"), "latin1")
  }
}

/** Bytes of SHA-256's blocks and digests; keys are of one digest, so they never need hashing. */
const BLOCK = 64
const DIGEST = 32
/** 128 bits of the digest are kept. */
const MAC_BYTES = 16
/** An `f` under the limit, of up to 3 bytes a character, and the numbers before it. */
const MESSAGE_MAX = 3 * URL_LIMIT + 100
/** Of the several base64url spellings of 16 bytes only the one that we write: its last character carries 2 bits. */
const MAC = /^[A-Za-z0-9_-]{21}[AQgw]$/
const USER_NUMBER = /^[1-9][0-9]{0,14}$/
