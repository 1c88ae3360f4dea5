import { constants, createPublicKey, privateDecrypt, publicEncrypt, randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, TestClock } from "effect"
import { MasterKey } from "../../../layers/crypto/MasterKey.ts"
import * as NodeRsaKeys from "../../../layers/crypto/NodeRsaKeys.ts"
import { RsaKeys } from "../../../layers/crypto/RsaKeys.ts"
import { makeRegistrationKey, POOL_CONTEXT } from "../../../layers/crypto/UserKeyring.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { somePrivateKey } from "../../support/CryptoFixture.ts"
import {
  ADDRESS,
  layer,
  makeToken,
  open,
  registration,
  USER_ID,
  userNumber
} from "../../support/DeviceApiFixture.ts"
import { SubscriptionScript } from "../../support/FakeSubscriptions.ts"
import { StorageFaults } from "../../support/FaultyStorage.ts"

/** Private-key operations that were done. */
let operations = 0
const counting: typeof privateDecrypt = (key, block) => {
  const plain = privateDecrypt(key, block)
  operations++
  return plain
}
const world = () => layer({}, [], undefined, NodeRsaKeys.layerWith(counting))

const STRANGER = "ab".repeat(32)
/** Makes every payload two blocks long. */
const FILLED = { username: "u".repeat(200) }

/** Two phones' worth of keys: the user's, and what becomes of payloads that differ in what is wrong with them. */
const attacker = Effect.gen(function* () {
  const { post } = yield* open
  yield* makeToken()
  yield* TestClock.adjust("1 seconds")
  const { json } = yield* post("getpublickey", { userId: USER_ID })
  const publicKey = String(json["publicKey"])
  const script = yield* SubscriptionScript
  script.reply("Register", Effect.succeed({ code: "UserSubscribed", message: "", subscriptionId: "sub-1" }))
  const faults = yield* StorageFaults
  /** What can be seen of an answer, and what it cost. */
  const ask = (body: unknown) =>
    Effect.gen(function* () {
      const [operationsBefore, callsBefore] = [operations, faults.totalCalls()]
      const { headers, status, text } = yield* post("registerdevicev2", body)
      const { date: _, ...seen } = Object.fromEntries(headers.entries())
      return {
        answer: { status, text, headers: seen },
        operations: operations - operationsBefore,
        queries: faults.totalCalls() - callsBefore
      }
    })
  return { ask, publicKey, script }
})

const blocksOf = (payload: string) => {
  const bytes = Buffer.from(payload, "base64")
  return Array.from({ length: bytes.length / 256 }, (_, at) => bytes.subarray(at * 256, at * 256 + 256))
}

/** Payloads of two blocks, each wrong in its own way, for the user who has this key. */
const wrongOnes = Effect.fnUntraced(function* (publicKey: string) {
  const rsa = yield* RsaKeys
  const der = Buffer.from(publicKey, "base64")
  const key = createPublicKey({ key: der, format: "der", type: "spki" })
  const good = yield* registration(publicKey, {}, FILLED)
  const inside = (fields: Record<string, unknown>) => registration(publicKey, {}, { ...FILLED, ...fields })
  const text = (text: string) => ({
    ...good,
    payload: rsa.encryptBlocks(der, Buffer.from(text.padEnd(250))).toString("base64")
  })
  const replaced = (at: number, block: Uint8Array) => {
    const payload = Buffer.concat(blocksOf(good.payload).map((own, index) => (index === at ? block : own)))
    return { ...good, payload: payload.toString("base64") }
  }
  /** A block of which this is what comes before padding is taken away. */
  const encoded = (...changes: ReadonlyArray<readonly [number, number]>) => {
    const message = Buffer.from(randomBytes(256).map((byte) => byte || 1))
    for (const [at, byte] of [[0, 0], [1, 2], ...changes] as const) message[at] = byte
    return publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, message)
  }
  const credentials = JSON.stringify({ emailAddress: ADDRESS, password: "p", ...FILLED })
  const requests: Record<string, unknown> = {
    "an unknown user": { ...good, userId: STRANGER },
    "another key": { ...good, payload: randomBytes(512).fill(0, 0, 1).fill(0, 256, 257).toString("base64") },
    "a block above the modulus": replaced(0, Buffer.alloc(256, 0xff)),
    "both blocks above the modulus": { ...good, payload: Buffer.alloc(512, 0xff).toString("base64") },
    "swapped blocks": {
      ...good,
      payload: Buffer.concat(blocksOf(good.payload).reverse()).toString("base64")
    },
    "rubbish in the right padding": replaced(1, rsa.encryptBlocks(der, randomBytes(40))),
    "no UTF-8": text("{").payload && {
      ...good,
      payload: rsa.encryptBlocks(der, Buffer.alloc(250, 0xff)).toString("base64")
    },
    "no JSON": text("all is well"),
    "JSON with an end missing": text(credentials.slice(0, -1)),
    "no object": text("[1, 2]"),
    "no address": text('{"password":"p"}'),
    "an address that is a number": yield* inside({ emailAddress: 5 }),
    "another's address": yield* inside({ emailAddress: "bob@example.com" }),
    "another EWS URL": yield* inside({ ewsUrl: "https://elsewhere.example.org/" }),
    "another push token": yield* inside({ deviceToken: "token-2" }),
    "an old time": yield* inside({ issuedAt: new Date(-601_000).toISOString() }),
    "an address twice": text(`${credentials.slice(0, -1)},"emailAddress":"${ADDRESS}"}`),
    "an end of the token that is no time": {
      ...(yield* inside({ accessToken: "t", accessTokenExpiresAt: "soon" })),
      authType: "OAuth"
    }
  }
  const paddings = { beginning: [[0, 1]], type: [[1, 1]], "early end": [[5, 0]], "type 0": [[1, 0]] } as const
  for (const [what, changes] of Object.entries(paddings)) {
    for (const at of [0, 1])
      requests[`a wrong padding (${what}) in block ${at}`] = replaced(at, encoded(...changes))
  }
  for (let n = 0; n < 12; n++) requests[`any wrong padding ${n}`] = replaced(n % 2, encoded([1, 3 + n]))
  return { good, requests }
})

describe("what is wrong with a payload", () => {
  it.scoped("shows neither in the answer nor in the work that it took", () =>
    Effect.gen(function* () {
      const { ask, publicKey, script } = yield* attacker
      const { good, requests } = yield* wrongOnes(publicKey)
      const expected = yield* ask(requests["another's address"])
      expect(expected.operations).toBe(2)
      expect(JSON.parse(expected.answer.text)).toMatchObject({ responseCode: 34 })
      for (const [what, body] of Object.entries(requests)) expect(yield* ask(body), what).toEqual(expected)
      expect(script.requests).toEqual([])
      expect(yield* ask(good)).toMatchObject({ answer: { status: 200 }, operations: 2 })
    }).pipe(Effect.provide(world()))
  )

  it.scoped("shows neither while there is a key before the present one, whichever of them opens", () =>
    Effect.gen(function* () {
      const { ask, publicKey: formerly } = yield* attacker
      const storage = yield* Storage
      const master = yield* MasterKey
      yield* TestClock.adjust("1 hours")
      const user = Option.getOrThrow(yield* storage.user(yield* userNumber))
      const fresh = somePrivateKey()
      const publicKey = (yield* RsaKeys).publicKey(fresh).toString("base64")
      const key = yield* makeRegistrationKey(user, master.wrap(fresh, POOL_CONTEXT))
      yield* storage.replaceRegistrationKey(user.user, key, 3_600_000, 3_600_000)

      const ofPresent = yield* wrongOnes(publicKey)
      const ofFormer = yield* wrongOnes(formerly)
      const expected = yield* ask(ofPresent.requests["another's address"])
      expect(expected.operations).toBe(4)
      for (const { requests } of [ofPresent, ofFormer]) {
        const { "an unknown user": unknown, ...known } = requests
        for (const [what, body] of Object.entries(known)) expect(yield* ask(body), what).toEqual(expected)
        expect((yield* ask(unknown)).answer).toEqual(expected.answer)
      }
      for (const { good } of [ofPresent, ofFormer]) {
        expect(yield* ask(good)).toMatchObject({ answer: { status: 200 }, operations: 4 })
      }
    }).pipe(Effect.provide(world()))
  )

  it.scoped("costs no private-key operation where its sender can see it himself", () =>
    Effect.gen(function* () {
      const { ask, publicKey } = yield* attacker
      const { good, requests } = yield* wrongOnes(publicKey)
      const { answer } = yield* ask(requests["another's address"])
      for (const payload of [
        "%%%%",
        good.payload.slice(0, 100),
        `${good.payload.slice(4)}`,
        randomBytes(257).toString("base64"),
        randomBytes(65 * 256).toString("base64"),
        "A".repeat(200_000)
      ]) {
        for (const userId of [USER_ID, STRANGER]) {
          expect(yield* ask({ ...good, payload, userId })).toEqual({ answer, operations: 0, queries: 2 })
        }
      }
    }).pipe(Effect.provide(world()))
  )
})
