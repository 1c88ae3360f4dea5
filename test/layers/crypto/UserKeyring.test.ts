import { assert, beforeAll, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../../layers/crypto/MasterKey.ts"
import * as NodeRsaKeys from "../../../layers/crypto/NodeRsaKeys.ts"
import { RsaKeys } from "../../../layers/crypto/RsaKeys.ts"
import {
  MAX_PAYLOAD_BLOCKS,
  makeUserKeys,
  openPayload,
  publicKeyOf
} from "../../../layers/crypto/UserKeyring.ts"
import { makeUser, samples, somePrivateKey } from "../../support/CryptoFixture.ts"

let privateKey: Buffer
let otherKey: Buffer
beforeAll(() => {
  privateKey = somePrivateKey()
  otherKey = somePrivateKey()
})

it.layer(Layer.merge(LocalMasterKey.layerTest, NodeRsaKeys.layer))("a user's keys", (it) => {
  const encrypted = (text: string | Buffer, key = privateKey) =>
    Effect.map(RsaKeys, (rsa) => rsa.encryptBlocks(rsa.publicKey(key), Buffer.from(text)).toString("base64"))

  it.effect("open payloads encrypted to the public key handed out", () =>
    Effect.gen(function* () {
      const ann = yield* makeUser("1", 1, privateKey)
      const rsa = yield* RsaKeys
      const publicKey = yield* publicKeyOf(ann)
      assert.deepStrictEqual(publicKey, rsa.publicKey(privateKey))
      for (const credentials of Object.values(samples)) {
        const json = JSON.stringify(credentials)
        const payload = rsa.encryptBlocks(publicKey, Buffer.from(json)).toString("base64")
        assert.strictEqual(Redacted.value(yield* openPayload(ann, payload)), json)
        const wrapped = payload.replace(/.{76}/g, "$&\r\n")
        assert.strictEqual(Redacted.value(yield* openPayload(ann, wrapped)), json)
      }
    })
  )

  it.effect("refuse all that is no payload with one and the same error", () =>
    Effect.gen(function* () {
      const ann = yield* makeUser("1", 1, privateKey)
      const good = yield* encrypted("{}")
      const payloads = [
        "",
        "not base64!",
        good.replaceAll("=", "-"),
        `${good}=`,
        `=${good}`,
        // Bits that no byte has.
        good.replace(/.==$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}==`),
        `${good.slice(0, 10)}*${good.slice(11)}`,
        good.slice(4),
        good + good.slice(0, 8),
        yield* encrypted(Buffer.from([0xc3, 0x28, 0xff])),
        yield* encrypted(Buffer.alloc(MAX_PAYLOAD_BLOCKS * 245 + 1, " ")),
        "A".repeat(262_144)
      ]
      for (const payload of payloads) {
        const error = yield* Effect.flip(openPayload(ann, payload))
        assert.strictEqual(error._tag, "PayloadUnreadable")
        assert.strictEqual(
          error.message,
          "payload cannot be decrypted; get the public key again and encrypt to it"
        )
      }
    })
  )

  it.effect("do not open a payload encrypted to another user's key", () =>
    Effect.gen(function* () {
      const ann = yield* makeUser("1", 1, privateKey)
      const text = yield* encrypted('{"emailAddress":"bob@example.com"}', otherKey).pipe(
        Effect.flatMap((payload) => openPayload(ann, payload)),
        Effect.map(Redacted.value),
        Effect.catchTag("PayloadUnreadable", () => Effect.succeed(""))
      )
      assert.notInclude(text, "bob")
    })
  )

  it.effect("open nothing in another user's row, or in the same user's of another tenant", () =>
    Effect.gen(function* () {
      const ann = yield* makeUser("1", 1, privateKey)
      const payload = yield* encrypted("{}")
      const others = [yield* makeUser("2", 1, otherKey, "bob@example.com"), yield* makeUser("3", 2, otherKey)]
      for (const other of others) {
        const moved = { ...other, registrationKey: ann.registrationKey }
        assert.strictEqual((yield* Effect.flip(openPayload(moved, payload)))._tag, "SealBroken")
        assert.strictEqual((yield* Effect.flip(publicKeyOf(moved)))._tag, "SealBroken")
      }
    })
  )

  it.effect("have a seal key of their own each, and nothing in clear", () =>
    Effect.gen(function* () {
      const master = yield* MasterKey
      const ann = yield* makeUser("1", 1, privateKey)
      const again = yield* makeUser("1", 1, privateKey)
      const keyOf = (user: typeof ann) => master.unwrap(user.sealKey, `seal:1:${user.userId}`)
      assert.strictEqual((yield* keyOf(ann)).length, 32)
      assert.notDeepEqual(yield* keyOf(ann), yield* keyOf(again))
      assert.isNull(ann.callbackKey)
      assert.isFalse(Buffer.from(ann.registrationKey).includes(privateKey.subarray(100, 116)))
    })
  )

  it.effect("are not made from a pool key that this master key did not wrap", () =>
    Effect.gen(function* () {
      const ann = yield* makeUser("1", 1, privateKey)
      const error = yield* Effect.flip(makeUserKeys(ann.tenant, ann.userId, ann.registrationKey))
      assert.strictEqual(error.message, "rsa-pool cannot be opened")
    })
  )
})
