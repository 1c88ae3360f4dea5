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
import { PayloadUnreadable, RsaKeys } from "./RsaKeys.ts"

/** RSA by node:crypto. Nothing is cached: a private key exists as a parsed key only during a call. */
export const layer: Layer.Layer<RsaKeys> = Layer.sync(RsaKeys, () =>
  RsaKeys.of({
    generate: Effect.async<Buffer>((resume) =>
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
    ),

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
          return Effect.fail(new PayloadUnreadable())
        }
        const pieces: Array<Buffer> = []
        return Effect.gen(function* () {
          for (let at = 0; at < blocks.length; at += size) {
            if (at > 0) yield* letOthersRun
            pieces.push(yield* decryptBlock(key, blocks.subarray(at, at + size)))
          }
          return Buffer.concat(pieces)
        }).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              for (const piece of pieces) piece.fill(0)
            })
          )
        )
      })
  })
)

/** Bytes that PKCS#1 v1.5 padding takes of each block (RFC 8017, section 7.2.1). */
const PKCS1_OVERHEAD = 11
const PADDING = constants.RSA_PKCS1_PADDING

const parsePrivateKey = (der: Uint8Array) =>
  createPrivateKey({ key: Buffer.from(der.buffer, der.byteOffset, der.length), format: "der", type: "pkcs8" })

const blockSize = (key: KeyObject) => (key.asymmetricKeyDetails?.modulusLength ?? 2048) / 8

/** Fails only for a number above the modulus, which the sender can see himself: wrong padding decrypts to rubbish. */
const decryptBlock = (key: KeyObject, block: Uint8Array) =>
  Effect.try({
    try: () => privateDecrypt({ key, padding: PADDING }, block),
    catch: () => new PayloadUnreadable()
  })

/** A turn of the event loop. Effect.yieldNow only yields to other fibers, sockets would wait for all blocks. */
const letOthersRun = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})
