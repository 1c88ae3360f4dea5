import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Layer, Option, TestClock } from "effect"
import { dropFormerKeys } from "../../../actors/KeyAge.ts"
import { KeyPool } from "../../../actors/KeyPool.ts"
import { hashApiToken } from "../../../layers/crypto/ApiTokenSecret.ts"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../../layers/crypto/MasterKey.ts"
import * as NodeRsaKeys from "../../../layers/crypto/NodeRsaKeys.ts"
import { RsaKeys } from "../../../layers/crypto/RsaKeys.ts"
import { POOL_CONTEXT } from "../../../layers/crypto/UserKeyring.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { RegisterDeviceRequest, requestReader } from "../../../schemas/DeviceApi.ts"
import type { ActivityId } from "../../../schemas/Ids.ts"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import { getPublicKey } from "../../../src/http/GetPublicKey.ts"
import * as Limits from "../../../src/http/Limits.ts"
import * as RegistrationPayloads from "../../../src/http/RegistrationPayloads.ts"
import { settingsOf, somePrivateKey } from "../../support/CryptoFixture.ts"
import { makeToken, registration, TOKEN, USER_ID, userNumber } from "../../support/DeviceApiFixture.ts"
import { layerFaulty, StorageFaults } from "../../support/FaultyStorage.ts"

const DAY = 24 * 60 * 60_000
const poolKeys = Array.from({ length: 4 }, () => somePrivateKey())

/** Each key of the pool is another one. */
let poolIsLow = false
const poolLayer = Layer.effect(
  KeyPool,
  Effect.map(MasterKey, (master) => {
    const left = [...poolKeys]
    const take = Effect.sync(() => master.wrap(left.shift()!, POOL_CONTEXT))
    return { take, takeSpare: Effect.suspend(() => (poolIsLow ? Effect.succeedNone : Effect.asSome(take))) }
  })
)

const layer = (some: Partial<SettingsShape> = {}) =>
  Layer.mergeAll(poolLayer, RegistrationPayloads.layer, Limits.layer).pipe(
    Layer.provideMerge(Layer.merge(layerFaulty(MemoryStorage.layer), settingsOf(some))),
    Layer.provideMerge(Layer.merge(LocalMasterKey.layerTest, NodeRsaKeys.layer))
  )

const readRequest = requestReader(RegisterDeviceRequest)

/** A phone that asks for the public key, and whose payload is encrypted to one. */
const phone = Effect.gen(function* () {
  const storage = yield* Storage
  const payloads = yield* RegistrationPayloads.RegistrationPayloads
  yield* makeToken()
  const tenant = Option.getOrThrow(yield* storage.tenantOfToken(hashApiToken(TOKEN)))
  const activityId = "an activity" as ActivityId
  const ask = Effect.map(
    getPublicKey.handle({ tenant, activityId }, { userId: USER_ID }),
    (answer) => answer["publicKey"]
  )
  /** True if the payload opens. */
  const opens = (publicKey: unknown) =>
    Effect.gen(function* () {
      const request = Either.getOrThrow(readRequest(yield* registration(publicKey)))
      const user = yield* storage.findUser(tenant.tenant, USER_ID)
      return Either.isRight(yield* Effect.either(payloads.open(tenant.tenant, user, request, "Basic")))
    })
  return { ask, opens }
})

describe("a key pair for payloads", () => {
  it.scoped("older than the settings allow is replaced when a phone asks, and opens payloads for a day", () =>
    Effect.gen(function* () {
      const { ask, opens } = yield* phone
      const first = yield* ask
      yield* TestClock.adjust(30 * DAY)
      expect(yield* ask).toBe(first)
      yield* TestClock.adjust(1)
      const answers = yield* Effect.all([ask, ask, ask], { concurrency: "unbounded" })
      const [second] = answers
      expect(new Set(answers).size).toBe(1)
      expect(second).not.toBe(first)
      // Both phones register: the one that encrypted to the new key, and the one that had asked before.
      expect(yield* opens(second)).toBe(true)
      expect(yield* opens(first)).toBe(true)
      yield* TestClock.adjust(DAY - 1)
      expect(yield* dropFormerKeys).toBe(0)
      expect(yield* opens(first)).toBe(true)
      yield* TestClock.adjust(2)
      expect(yield* dropFormerKeys).toBe(1)
      expect(yield* opens(first)).toBe(false)
      expect(yield* opens(second)).toBe(true)
      expect(yield* ask).toBe(second)
      // The next one comes in another thirty days.
      yield* TestClock.adjust(30 * DAY)
      expect(yield* ask).not.toBe(second)
      expect(yield* opens(second)).toBe(true)
      expect(yield* opens(first)).toBe(false)
    }).pipe(Effect.provide(layer({ userKeyMaxAge: 30 * DAY })))
  )

  it.scoped(
    "is not replaced where the settings say never, and a payload that opens asks for no former one",
    () =>
      Effect.gen(function* () {
        const { ask, opens } = yield* phone
        const faults = yield* StorageFaults
        const first = yield* ask
        expect(yield* opens(first)).toBe(true)
        yield* TestClock.adjust(4_000 * DAY)
        expect(yield* ask).toBe(first)
        expect(yield* opens(first)).toBe(true)
        const stranger = (yield* RsaKeys).publicKey(somePrivateKey()).toString("base64")
        expect(yield* opens(stranger)).toBe(false)
        expect(faults.calls("formerKeys")).toBe(0)
      }).pipe(Effect.provide(layer()))
  )

  it.scoped("is replaced at most once an hour, however short the settings want it", () =>
    Effect.gen(function* () {
      const { ask } = yield* phone
      const first = yield* ask
      yield* TestClock.adjust("59 minutes")
      expect(yield* ask).toBe(first)
      yield* TestClock.adjust("2 minutes")
      const second = yield* ask
      expect(second).not.toBe(first)
      yield* TestClock.adjust("59 minutes")
      expect(yield* ask).toBe(second)
    }).pipe(Effect.provide(layer({ userKeyMaxAge: 60_000 })))
  )

  it.scoped("waits until the pool has keys to spare", () =>
    Effect.gen(function* () {
      const { ask } = yield* phone
      const first = yield* ask
      yield* TestClock.adjust(31 * DAY)
      poolIsLow = true
      expect(yield* ask).toBe(first)
      poolIsLow = false
      expect(yield* ask).not.toBe(first)
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          poolIsLow = false
        })
      ),
      Effect.provide(layer({ userKeyMaxAge: 30 * DAY }))
    )
  )

  it.scoped("goes on where a new one cannot be stored", () =>
    Effect.gen(function* () {
      const { ask, opens } = yield* phone
      const faults = yield* StorageFaults
      const first = yield* ask
      yield* TestClock.adjust(31 * DAY)
      faults.failNext("replaceRegistrationKey")
      expect(yield* ask).toBe(first)
      expect(yield* opens(first)).toBe(true)
      // It was stored, but nobody heard of it.
      faults.loseAnswer("replaceRegistrationKey")
      expect(yield* ask).toBe(first)
      expect(yield* opens(first)).toBe(true)
      const second = yield* ask
      expect(second).not.toBe(first)
      expect(yield* opens(second)).toBe(true)
      const storage = yield* Storage
      expect((yield* storage.formerKeys(yield* userNumber)).map(({ kind }) => kind)).toEqual(["registration"])
    }).pipe(Effect.provide(layer({ userKeyMaxAge: 30 * DAY })))
  )
})
