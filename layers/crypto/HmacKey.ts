import { hash } from "node:crypto"

/**
 * HMAC-SHA-256 (RFC 2104) under one key, put together from two one-shot hashes: for keys that are used again and again.
 * Node's Hmac is a native object that has to be made and collected each time, at a multiple of the cost.
 */
export class HmacKey {
  /** The padded keys of the inner and the outer hash. */
  readonly #inner = Buffer.alloc(BLOCK)
  readonly #outer = Buffer.alloc(BLOCK)

  /** `raw` is not longer than 64 bytes; it is copied, and the caller wipes it. */
  constructor(raw: Uint8Array) {
    for (let i = 0; i < BLOCK; i++) {
      this.#inner[i] = (raw[i] ?? 0) ^ 0x36
      this.#outer[i] = (raw[i] ?? 0) ^ 0x5c
    }
  }

  /** 32 bytes. */
  digest(message: string): Buffer {
    const inner = hash("sha256", Buffer.concat([this.#inner, Buffer.from(message, "utf8")]), "buffer")
    return hash("sha256", Buffer.concat([this.#outer, inner]), "buffer")
  }
}

/** Bytes of SHA-256's blocks. */
const BLOCK = 64
