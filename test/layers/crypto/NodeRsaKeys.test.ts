import { execFileSync, spawnSync } from "node:child_process"
import {
  constants,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes
} from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import * as NodeRsaKeys from "../../../layers/crypto/NodeRsaKeys.ts"
import { RsaKeys } from "../../../layers/crypto/RsaKeys.ts"
import { somePrivateKey } from "../../support/CryptoFixture.ts"

let privateKey: Buffer
beforeAll(() => {
  privateKey = somePrivateKey()
})

const MAX = 24
const openssl = spawnSync("openssl", ["version"]).status === 0
if (!openssl) console.warn("NodeRsaKeys: openssl is not installed, the comparison with it is skipped")

it.layer(NodeRsaKeys.layer)("RSA by node:crypto", (it) => {
  it.effect("makes RSA-2048 keys without stopping the event loop", () =>
    Effect.gen(function* () {
      const rsa = yield* RsaKeys
      let turns = 0
      const counting = setInterval(() => turns++, 1)
      const key = yield* Effect.ensuring(
        rsa.generate,
        Effect.sync(() => clearInterval(counting))
      )
      const details = createPublicKey({ key: rsa.publicKey(key), format: "der", type: "spki" })
      assert.deepStrictEqual(details.asymmetricKeyDetails, { modulusLength: 2048, publicExponent: 65537n })
      assert.isAbove(turns, 0)
    })
  )

  it.effect("reads back blocks of any number of bytes", () =>
    Effect.gen(function* () {
      const rsa = yield* RsaKeys
      const publicKey = rsa.publicKey(privateKey)
      for (const length of [1, 244, 245, 246, 490, 491, 24 * 245]) {
        const text = randomBytes(length)
        const blocks = rsa.encryptBlocks(publicKey, text)
        assert.strictEqual(blocks.length, Math.ceil(length / 245) * 256)
        assert.deepStrictEqual(yield* rsa.decryptBlocks(privateKey, blocks, MAX), text)
      }
    })
  )

  it.effect("takes keys and blocks as plain Uint8Arrays inside of larger buffers", () =>
    Effect.gen(function* () {
      const rsa = yield* RsaKeys
      const inside = (bytes: Buffer) => {
        const room = new Uint8Array(bytes.length + 9)
        room.set(bytes, 5)
        return room.subarray(5, 5 + bytes.length)
      }
      const blocks = rsa.encryptBlocks(inside(rsa.publicKey(inside(privateKey))), Buffer.from("text"))
      assert.strictEqual(
        (yield* rsa.decryptBlocks(inside(privateKey), inside(blocks), MAX)).toString(),
        "text"
      )
    })
  )

  it.effect("reads what a device writes: text cut into pieces of 245 bytes, each encrypted alone", () =>
    Effect.gen(function* () {
      const rsa = yield* RsaKeys
      const key = createPublicKey({ key: rsa.publicKey(privateKey), format: "der", type: "spki" })
      const text = Buffer.from(JSON.stringify({ password: "ü".repeat(300) }), "utf8")
      const pieces = [text.subarray(0, 245), text.subarray(245, 490), text.subarray(490)]
      const blocks = pieces.map((piece) =>
        publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, piece)
      )
      assert.deepStrictEqual(yield* rsa.decryptBlocks(privateKey, Buffer.concat(blocks), MAX), text)
    })
  )

  it.effect.skipIf(!openssl)(
    openssl ? "agrees with openssl in both directions" : "agrees with openssl (SKIPPED: not installed)",
    () =>
      Effect.gen(function* () {
        const rsa = yield* RsaKeys
        const directory = mkdtempSync(join(tmpdir(), "ens-rsa-"))
        yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(directory, { recursive: true })))
        const publicFile = join(directory, "public.der")
        const privateFile = join(directory, "private.der")
        writeFileSync(publicFile, rsa.publicKey(privateKey))
        writeFileSync(privateFile, privateKey, { mode: 0o600 })
        const pkeyutl = (way: ReadonlyArray<string>, input: Uint8Array) =>
          execFileSync(
            "openssl",
            ["pkeyutl", ...way, "-keyform", "DER", "-pkeyopt", "rsa_padding_mode:pkcs1"],
            {
              input
            }
          )
        const text = randomBytes(300)
        const theirs = [text.subarray(0, 245), text.subarray(245)].map((piece) =>
          pkeyutl(["-encrypt", "-pubin", "-inkey", publicFile], piece)
        )
        assert.deepStrictEqual(yield* rsa.decryptBlocks(privateKey, Buffer.concat(theirs), MAX), text)
        const ours = rsa.encryptBlocks(rsa.publicKey(privateKey), text)
        const read = [ours.subarray(0, 256), ours.subarray(256)].map((block) =>
          pkeyutl(["-decrypt", "-inkey", privateFile], block)
        )
        assert.deepStrictEqual(Buffer.concat(read), text)
      }).pipe(Effect.scoped)
  )

  describe("refuses alike", () => {
    it.effect("no blocks, part of a block, too many blocks, and a number above the modulus", () =>
      Effect.gen(function* () {
        const rsa = yield* RsaKeys
        const block = rsa.encryptBlocks(rsa.publicKey(privateKey), Buffer.from("x"))
        const unreadable = [
          Buffer.alloc(0),
          block.subarray(1),
          Buffer.concat([block, block.subarray(0, 100)]),
          Buffer.concat(Array.from({ length: MAX + 1 }, () => block)),
          Buffer.alloc(256, 0xff)
        ]
        for (const blocks of unreadable) {
          const error = yield* Effect.flip(rsa.decryptBlocks(privateKey, blocks, MAX))
          assert.strictEqual(error._tag, "PayloadUnreadable")
        }
      })
    )

    it.effect("nothing by its padding: a wrong one yields rubbish, always the same for the same block", () =>
      Effect.gen(function* () {
        const rsa = yield* RsaKeys
        const good = rsa.encryptBlocks(rsa.publicKey(privateKey), Buffer.from("the text"))
        for (let n = 0; n < 20; n++) {
          const bad = Buffer.from(good)
          bad.writeUInt8(bad.readUInt8(255 - n) ^ 1, 255 - n)
          const exit = yield* Effect.exit(rsa.decryptBlocks(privateKey, bad, MAX))
          const again = yield* Effect.exit(rsa.decryptBlocks(privateKey, bad, MAX))
          assert.isTrue(Exit.isSuccess(exit) && Exit.isSuccess(again))
          if (Exit.isSuccess(exit) && Exit.isSuccess(again)) {
            assert.deepStrictEqual(exit.value, again.value)
            assert.notInclude(exit.value.toString("latin1"), "the text")
          }
        }
      })
    )
  })

  it.effect("costs a number above the modulus as much as any other, and all blocks are decrypted", () => {
    let done = 0
    const counting: typeof privateDecrypt = (key, block) => {
      const plain = privateDecrypt(key, block)
      done++
      return plain
    }
    return Effect.gen(function* () {
      const rsa = yield* RsaKeys
      const good = rsa.encryptBlocks(rsa.publicKey(privateKey), randomBytes(3 * 245))
      const above = Buffer.from(good).fill(0xff, 0, 256)
      done = 0
      yield* rsa.decryptBlocks(privateKey, good, MAX)
      const usual = done
      yield* Effect.flip(rsa.decryptBlocks(privateKey, above, MAX))
      assert.deepStrictEqual([usual, done], [3, 6])
    }).pipe(Effect.provide(NodeRsaKeys.layerWith(counting)))
  })

  it.effect("is not had from a Node that tells of a wrong padding, or decrypts nothing", () =>
    Effect.gen(function* () {
      const telling: typeof privateDecrypt = (options, block) => {
        const key = (options as { readonly key: KeyObject }).key
        const encoded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, block)
        const end = encoded.indexOf(0, 2)
        if (encoded[0] !== 0 || encoded[1] !== 2 || end < 10) throw new Error("padding check failed")
        return encoded.subarray(end + 1)
      }
      const disabled: typeof privateDecrypt = () => {
        throw new TypeError("RSA_PKCS1_PADDING is no longer supported for private decryption")
      }
      for (const decrypt of [telling, disabled]) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(NodeRsaKeys.layerWith(decrypt))))
        assert.strictEqual(error._tag, "RsaUnsafe")
        assert.match(error.message, /implicit rejection.*use Node\.js 24/)
      }
    })
  )

  it.effect("lets sockets have their turn between two blocks", () =>
    Effect.gen(function* () {
      const rsa = yield* RsaKeys
      const blocks = rsa.encryptBlocks(rsa.publicKey(privateKey), randomBytes(10 * 245))
      let turns = 0
      let counting: NodeJS.Immediate | undefined
      const count = () => {
        turns++
        counting = setImmediate(count)
      }
      counting = setImmediate(count)
      yield* rsa.decryptBlocks(privateKey, blocks, MAX)
      clearImmediate(counting)
      assert.isAtLeast(turns, 8)
    })
  )
})
