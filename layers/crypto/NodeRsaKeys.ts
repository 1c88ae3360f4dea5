import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  privateDecrypt,
  publicEncrypt
} from "node:crypto"
import { Effect, Layer } from "effect"
import { ENCODING, PayloadUnreadable, RsaKeys, RsaUnsafe } from "./RsaKeys.ts"

/** Part of node:crypto that a test replaces. */
type Decrypt = typeof privateDecrypt

/** RSA by node:crypto. Nothing but the decoy is cached: a private key exists as a parsed key only during a call. */
export const layer: Layer.Layer<RsaKeys, RsaUnsafe> = Layer.suspend(() => layerWith(privateDecrypt))

/** The same, with what decrypts a block. Fails where `decrypt` tells wrong paddings from right ones. */
export const layerWith = (decrypt: Decrypt): Layer.Layer<RsaKeys, RsaUnsafe> =>
  Layer.effect(
    RsaKeys,
    Effect.gen(function* () {
      const decoy = yield* Effect.promise(() => {
        madeOnce ??= Effect.runPromise(generate)
        return madeOnce
      })
      if (!rejectsImplicitly(decrypt, parsePrivateKey(decoy))) return yield* new RsaUnsafe()
      return make(decrypt, decoy)
    })
  )

/** The decoy of this process. */
let madeOnce: Promise<Buffer> | undefined

const generate = Effect.async<Buffer>((resume) =>
  generateKeyPair(
    "rsa",
    {
      modulusLength: 2048,
      publicExponent: 0x10001,
      publicKeyEncoding: { type: "spki", format: "der" },
      privateKeyEncoding: { type: "pkcs8", format: "der" }
    },
    (error, _, privateKey) => resume(error ? Effect.die(error) : Effect.succeed(privateKey))
  )
)

const make = (decrypt: Decrypt, decoy: Buffer) =>
  RsaKeys.of({
    generate,
    decoy,

    publicKey: (privateKey) =>
      createPublicKey(parsePrivateKey(privateKey)).export({ type: "spki", format: "der" }),

    encryptBlocks: (publicKey, text) => {
      const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" })
      const piece = blockSize(key) - PKCS1_OVERHEAD
      const blocks: Array<Buffer> = []
      for (let at = 0; at < text.length; at += piece) {
        blocks.push(publicEncrypt({ key, padding: PADDING }, text.subarray(at, at + piece)))
      }
      return Buffer.concat(blocks)
    },

    decryptBlocks: (privateKey, blocks, maxBlocks) =>
      Effect.suspend(() => {
        const key = parsePrivateKey(privateKey)
        const size = blockSize(key)
        if (blocks.length === 0 || blocks.length % size !== 0 || blocks.length > maxBlocks * size) {
          return Effect.fail(new PayloadUnreadable({ failing: ENCODING }))
        }
        const modulus = modulusOf(key)
        const replacement = small(size)
        const pieces: Array<Buffer> = []
        let allInRange = true
        // Not to be interrupted but in the pauses: nobody would wipe what is given back, or its pieces.
        return Effect.gen(function* () {
          for (let at = 0; at < blocks.length; at += size) {
            if (at > 0) yield* Effect.interruptible(letOthersRun)
            const block = blocks.subarray(at, at + size)
            const inRange = modulus.compare(block) > 0
            pieces.push(decrypt({ key, padding: PADDING }, inRange ? block : replacement))
            allInRange &&= inRange
          }
          if (!allInRange) return yield* new PayloadUnreadable()
          return Buffer.concat(pieces)
        }).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              for (const piece of pieces) piece.fill(0)
            })
          ),
          Effect.uninterruptible
        )
      })
  })

/** Bytes that PKCS#1 v1.5 padding takes of each block (RFC 8017, section 7.2.1). */
const PKCS1_OVERHEAD = 11
const PADDING = constants.RSA_PKCS1_PADDING

const parsePrivateKey = (der: Uint8Array) =>
  createPrivateKey({ key: Buffer.from(der.buffer, der.byteOffset, der.length), format: "der", type: "pkcs8" })

const blockSize = (key: KeyObject) => (key.asymmetricKeyDetails?.modulusLength ?? 2048) / 8

/** The modulus of a key, with as many bytes as a block. */
const modulusOf = (key: KeyObject): Buffer =>
  Buffer.from(String(createPublicKey(key).export({ format: "jwk" }).n), "base64url")

/** In place of a number above the modulus, which is all that OpenSSL refuses: that would take less time, and an error more. */
const small = (size: number): Buffer => {
  const block = Buffer.alloc(size)
  block[size - 1] = 2
  return block
}

/**
 * Whether blocks with every kind of wrong padding decrypt to rubbish, always the same, as OpenSSL has it since 3.2, and some
 * distributors before (draft-irtf-cfrg-rsa-guidance, section 7).
 */
const rejectsImplicitly = (decrypt: Decrypt, key: KeyObject): boolean => {
  const publicKey = createPublicKey(key)
  const decrypted = (block: Buffer) => decrypt({ key, padding: PADDING }, block)
  const isRubbish = (encoded: Buffer) => {
    const block = publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, encoded)
    return decrypted(block).equals(decrypted(block))
  }
  try {
    const good = publicEncrypt({ key: publicKey, padding: PADDING }, Buffer.from("text"))
    return decrypted(good).toString() === "text" && wrongPaddings(blockSize(key)).every(isRubbish)
  } catch {
    return false
  }
}

/** Encoded messages of RFC 8017, section 7.2.2, each wrong in one way: beginning, type, no end, end too early. */
const wrongPaddings = (size: number): ReadonlyArray<Buffer> => {
  const encoded = (...changes: ReadonlyArray<readonly [number, number]>) => {
    const message = Buffer.alloc(size, 0x55)
    for (const [at, byte] of [[0, 0], [1, 2], [size - 5, 0], ...changes] as const) message[at] = byte
    return message
  }
  return [encoded([0, 1]), encoded([1, 1]), encoded([size - 5, 0x55]), encoded([5, 0])]
}

/** A turn of the event loop. Effect.yieldNow only yields to other fibers, sockets would wait for all blocks. */
const letOthersRun = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})
