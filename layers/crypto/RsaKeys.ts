import { Context, type Effect, Schema } from "effect"

/** The payload is not base64, of a wrong length, encrypted to another key, or not UTF-8. One text for all: no oracle. */
export class PayloadUnreadable extends Schema.TaggedError<PayloadUnreadable>()("PayloadUnreadable", {
  /** Which check failed; for administrators, devices are not told. */
  failing: Schema.optional(Schema.String)
}) {
  override get message() {
    return "payload cannot be decrypted; get the public key again and encrypt to it"
  }
}

/** RSA-2048 for registration payloads (and for `f` in mode `rsa`). Private keys are PKCS#8 DER, public keys SubjectPublicKeyInfo DER. */
export class RsaKeys extends Context.Tag("ens/RsaKeys")<
  RsaKeys,
  {
    /** Makes a key off the event loop. */
    readonly generate: Effect.Effect<Buffer>
    readonly publicKey: (privateKey: Uint8Array) => Buffer
    /** PKCS#1 v1.5 blocks over UTF-8 text cut into pieces of key size − 11 bytes, joined (ENS2's form, there in base64). */
    readonly encryptBlocks: (publicKey: Uint8Array, text: Uint8Array) => Buffer
    /** The opposite, with implicit rejection: a wrong padding yields rubbish, never a tell-tale error. At most `maxBlocks` blocks. */
    readonly decryptBlocks: (
      privateKey: Uint8Array,
      blocks: Uint8Array,
      maxBlocks: number
    ) => Effect.Effect<Buffer, PayloadUnreadable>
  }
>() {}
