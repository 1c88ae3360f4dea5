import { Context, type Effect, Schema } from "effect"

/** A wrapped key or ciphertext that this master key does not open: another key, or changed bytes. */
export class SealBroken extends Schema.TaggedError<SealBroken>()("SealBroken", { what: Schema.String }) {
  override get message() {
    return `${this.what} cannot be opened`
  }
}

/** The 256-bit key that wraps every key at rest. It never leaves this service. */
export class MasterKey extends Context.Tag("ens/MasterKey")<
  MasterKey,
  {
    /** AES-256-GCM with a random nonce, bound to `context` (what the bytes are for; must be given again to unwrap). */
    readonly wrap: (plain: Uint8Array, context: string) => Uint8Array
    readonly unwrap: (wrapped: Uint8Array, context: string) => Effect.Effect<Buffer, SealBroken>
    /** A 256-bit key for one purpose (HKDF-SHA-256 with `label` as info). */
    readonly derive: (label: string) => Buffer
    /** 16 bytes that tell master keys apart and say nothing about the key; kept in the database. */
    readonly checkValue: Uint8Array
  }
>() {}
