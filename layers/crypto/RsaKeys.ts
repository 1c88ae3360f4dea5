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

/** What is wrong with a payload that is no base64, or has a length that no blocks have: its sender can see that himself. */
export const ENCODING = "encoding"

/** This Node.js would tell whoever sends blocks which of them are padded well, or decrypts none: the service must not start. */
export class RsaUnsafe extends Schema.TaggedError<RsaUnsafe>()("RsaUnsafe", {}) {
  override get message() {
    const { node, openssl } = process.versions
    return `Node.js ${node} with OpenSSL ${openssl} has no implicit rejection for RSA PKCS#1 v1.5, without which registration payloads are not safe; use Node.js 24, which npm install brings along`
  }
}

/** RSA-2048 for registration payloads (and for `f` in mode `rsa`). Private keys are PKCS#8 DER, public keys SubjectPublicKeyInfo DER. */
export class RsaKeys extends Context.Tag("ens/RsaKeys")<
  RsaKeys,
  {
    /** Makes a key off the event loop. */
    readonly generate: Effect.Effect<Buffer>
    /** The private key of nobody, the same for the life of the process: what is decrypted for unknown users. The caller must not wipe it. */
    readonly decoy: Uint8Array
    readonly publicKey: (privateKey: Uint8Array) => Buffer
    /** PKCS#1 v1.5 blocks over UTF-8 text cut into pieces of key size − 11 bytes, joined (ENS2's form, there in base64). */
    readonly encryptBlocks: (publicKey: Uint8Array, text: Uint8Array) => Buffer
    /**
     * The opposite, with implicit rejection: a wrong padding yields rubbish, never a tell-tale error. At most `maxBlocks` blocks;
     * a wrong number of bytes fails at once, with `failing` = `ENCODING`. A number above the modulus fails after the work of all
     * blocks. The caller wipes the result, and is not to be interrupted until it has; the work itself can be, between two
     * blocks.
     */
    readonly decryptBlocks: (
      privateKey: Uint8Array,
      blocks: Uint8Array,
      maxBlocks: number
    ) => Effect.Effect<Buffer, PayloadUnreadable>
  }
>() {}
