import { hash, timingSafeEqual } from "node:crypto"
import type { UserNumber } from "../../schemas/Ids.ts"
import { type CallbackClaim, claimOf, digitOf } from "./CallbackHeader.ts"
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
  /** `#inner`'s first bytes, by their number. */
  readonly #starts: Array<Buffer | undefined> = []
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

  sign(user: UserNumber, header: CallbackClaim, f: string): string {
    this.#compute(user, header, f)
    return this.#expected.toString("base64url")
  }

  /**
   * Never throws, whatever the strings are. What cannot be ours has the same work as what might be, so that time does not
   * tell how far a guess got; and the work is bounded, because nothing longer than a URL is looked at.
   */
  verify(id: string, f: string, s: string): CallbackAddress | undefined {
    const isUser = USER_NUMBER.test(id)
    const claim = claimOf(f)
    const isWellFormed = readMac(s, this.#given) && isUser && claim !== undefined && f.length < URL_LIMIT
    const user = (isUser ? id : NOBODY) as UserNumber
    this.#compute(user, claim ?? NO_CLAIM, f.length < URL_LIMIT ? f : f.slice(0, URL_LIMIT))
    const isOurs = timingSafeEqual(this.#given, this.#expected)
    if (!isWellFormed || !isOurs) return undefined
    return { user, tenant: claim.tenant, generation: claim.generation, mode: claim.mode }
  }

  #compute(user: UserNumber, { generation, tenant }: CallbackClaim, f: string): void {
    const message = `ens-callback|${tenant}|${user}|${generation}|${f}`
    const end = BLOCK + this.#inner.write(message, BLOCK, "utf8")
    copyDigest(hash("sha256", this.#start(end), "binary"), this.#outer, BLOCK, DIGEST)
    copyDigest(hash("sha256", this.#outer, "binary"), this.#expected, 0, MAC_BYTES)
  }

  /** The first bytes of `#inner`. Views are kept: there are few lengths, and making a view costs as much as a copy. */
  #start(end: number): Buffer {
    this.#starts[end] ??= this.#inner.subarray(0, end)
    return this.#starts[end]
  }
}

/** Digests travel as Latin-1 strings, a character a byte: node:crypto makes those faster than buffers or hex. */
const copyDigest = (digest: string, to: Buffer, at: number, length: number): void => {
  for (let i = 0; i < length; i++) to[at + i] = digest.charCodeAt(i)
}

/** Reads `s` into 16 bytes. Of their several base64url spellings only the one that we write: its last character has 2 bits. */
const readMac = (s: string, to: Buffer): boolean => {
  if (s.length !== MAC_CHARACTERS) return false
  let bits = 0
  let held = 0
  let length = 0
  for (let i = 0; i < MAC_CHARACTERS; i++) {
    const digit = digitOf(s.charCodeAt(i))
    if (digit < 0) return false
    held = ((held << 6) | digit) & 0x3fff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      to[length++] = held >> bits
    }
  }
  return (held & 0x0f) === 0
}

/** Bytes of SHA-256's blocks and digests; keys are of one digest, so they never need hashing. */
const BLOCK = 64
const DIGEST = 32
/** 128 bits of the digest are kept. */
const MAC_BYTES = 16
/** An `f` up to the limit, of up to 3 bytes a character, and the numbers before it. */
const MESSAGE_MAX = 3 * URL_LIMIT + 100
/** What a MAC is computed over where there is nothing to verify. */
const NOBODY = "0"
const NO_CLAIM = { tenant: 0, generation: 0 } as CallbackClaim
const USER_NUMBER = /^[1-9][0-9]{0,14}$/
