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

/** Reads the header of an `f`; undefined if this version cannot have made it. Proves nothing: see `CallbackMac`. */
export const headerOf = (f: string): CallbackHeader | undefined => {
  const bytes = Buffer.from(f.slice(0, HEADER_CHARACTERS), "base64url")
  if (bytes.length !== HEADER_BYTES || bytes[0] !== VERSION) return undefined
  const mode = MODES[bytes.readUInt8(1) - 1]
  const tenant = bytes.readUIntBE(6, 6)
  return mode === undefined || tenant === 0
    ? undefined
    : {
        mode,
        keyId: bytes.subarray(2, 6),
        tenant: tenant as TenantNumber,
        generation: bytes.readUIntBE(12, 6) as Generation
      }
}

const VERSION = 1
const HEADER_CHARACTERS = (HEADER_BYTES / 3) * 4
/** The number on the wire is the position here, from 1. Never reorder. */
const MODES: ReadonlyArray<SealMode> = ["sealed", "rsa", "split"]
