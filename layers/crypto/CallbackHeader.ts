import type { Generation, TenantNumber } from "../../schemas/Ids.ts"
import type { SealMode } from "./CallbackSeal.ts"

/** The part of `f` in clear. */
export interface CallbackHeader {
  readonly mode: SealMode
  /** 4 bytes that tell a user's seal keys apart and say nothing about the key. */
  readonly keyId: Uint8Array
  readonly tenant: TenantNumber
  readonly generation: Generation
}

/** version 1, mode 1, key id 4, tenant 6, generation 6 bytes: a multiple of 3, so the body's base64url starts afresh. */
export const HEADER_BYTES = 18

export const encodeHeader = (header: CallbackHeader): Buffer => {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.writeUInt8(VERSION, 0)
  bytes.writeUInt8(MODES.indexOf(header.mode) + 1, 1)
  bytes.set(header.keyId, 2)
  bytes.writeUIntBE(header.tenant, 6, 6)
  bytes.writeUIntBE(header.generation, 12, 6)
  return bytes
}

/** What a callback needs of the header to have its MAC checked. */
export type CallbackClaim = Omit<CallbackHeader, "keyId">

/**
 * Reads the header of an `f` but for its key id; undefined if this version cannot have made it. Proves nothing: see
 * `CallbackMac`. Every callback comes by here, so the digits are read where they are: three bytes are four characters.
 */
export const claimOf = (f: string): CallbackClaim | undefined => {
  // version, mode and one byte of the key id: 8 bits each.
  const first = numberAt(f, 0, 4)
  const mode = first >>> 16 === VERSION ? MODES[((first >>> 8) & 0xff) - 1] : undefined
  const tenant = numberAt(f, 8, 16)
  const generation = numberAt(f, 16, HEADER_CHARACTERS)
  return mode === undefined || !(tenant > 0) || Number.isNaN(generation)
    ? undefined
    : { mode, tenant: tenant as TenantNumber, generation: generation as Generation }
}

/** The whole header; undefined as with `claimOf`. */
export const headerOf = (f: string): CallbackHeader | undefined => {
  const claim = claimOf(f)
  return claim === undefined || Number.isNaN(numberAt(f, 4, 8))
    ? undefined
    : { ...claim, keyId: Buffer.from(f.slice(0, 8), "base64url").subarray(2) }
}

/** The number that these base64url characters spell, 6 bits each (at most 8 characters); NaN for any other character. */
const numberAt = (text: string, from: number, to: number): number => {
  let number = 0
  for (let at = from; at < to; at++) {
    const digit = digitOf(text.charCodeAt(at))
    if (digit < 0) return Number.NaN
    number = number * 64 + digit
  }
  return number
}

/** What a base64url character (by its code) stands for, from 0 to 63; -1: it is none. */
export const digitOf = (code: number): number => (code < 128 ? DIGITS[code]! : -1)

const DIGITS = new Int8Array(128).fill(-1)
for (const [digit, character] of [
  ..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
].entries()) {
  DIGITS[character.charCodeAt(0)] = digit
}

const VERSION = 1
const HEADER_CHARACTERS = (HEADER_BYTES / 3) * 4
/** The number on the wire is the position here, from 1. Never reorder. */
const MODES: ReadonlyArray<SealMode> = ["sealed", "rsa", "split"]
