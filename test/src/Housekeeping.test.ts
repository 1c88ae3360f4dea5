import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, TestClock } from "effect"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import * as ServiceKeys from "../../layers/crypto/ServiceKeys.ts"
import * as Ownership from "../../layers/ownership/Ownership.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { TenantNumber, userIdOfAddress } from "../../schemas/Ids.ts"
import * as Housekeeping from "../../src/Housekeeping.ts"
import { subscribed } from "../layers/storage/Samples.ts"
import { settingsOf } from "../support/CryptoFixture.ts"
import { recordLog } from "../support/DeviceApiFixture.ts"
import * as Actors from "../support/FakeSubscriptions.ts"
import { layerFaulty, StorageFaults } from "../support/FaultyStorage.ts"

const keys = { registrationKey: new Uint8Array(1), sealKey: new Uint8Array(1), callbackKey: null }
const userId = userIdOfAddress("ann@example.com")
const storage = layerFaulty(MemoryStorage.layer)
const retain = { devices: undefined, lost: undefined, events: 1 }
const housekeeping = Layer.mergeAll(Housekeeping.layer, recordLog([])).pipe(
  Layer.provide(Layer.mergeAll(Ownership.layerAll, Actors.layer, settingsOf({ retain }))),
  Layer.provide(Layer.provide(ServiceKeys.layerDerived, LocalMasterKey.layerTest))
)
const layer = Layer.provideMerge(housekeeping, storage)

/** A user who asked for a key and nothing more, at the clock's beginning. */
const unregistered = Effect.gen(function* () {
  const storage = yield* Storage
  const { tenant } = yield* storage
    .createToken({
      tenant: "default",
      label: "x",
      hash: new Uint8Array(32),
      ewsUrls: [],
      ewsPins: [],
      seg: false,
      createdAt: 0
    })
    .pipe(Effect.zipRight(storage.tenantOfToken(new Uint8Array(32))), Effect.map(Option.getOrThrow))
  yield* storage.createUser({ tenant: TenantNumber.make(tenant), userId, keys, createdAt: 0 })
  return Effect.map(storage.findUser(tenant, userId), Option.isSome)
})

describe("Housekeeping", () => {
  it.scoped("forgets users who did not register within an hour", () =>
    Effect.gen(function* () {
      const exists = yield* unregistered
      yield* TestClock.adjust("59 minutes")
      expect(yield* exists).toBe(true)
      yield* TestClock.adjust("12 minutes")
      expect(yield* exists).toBe(false)
    }).pipe(Effect.provide(layer))
  )

  it.scoped("forgets them with their keys, also if ENS was restarted or away meanwhile", () =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const exists = yield* unregistered
      const { user } = Option.getOrThrow(yield* storage.findUser(TenantNumber.make(1), userId))
      yield* TestClock.adjust("50 minutes")
      yield* Effect.scoped(Effect.zipRight(Layer.build(housekeeping), TestClock.adjust("1 minutes")))
      expect(yield* exists).toBe(true)
      yield* TestClock.adjust("10 minutes")
      expect(yield* exists).toBe(true)
      // The first round is the start's.
      yield* Effect.scoped(Effect.zipRight(Layer.build(housekeeping), TestClock.adjust("1 seconds")))
      expect(yield* exists).toBe(false)
      expect(yield* storage.user(user)).toEqual(Option.none())
      expect(yield* storage.wrappedKeys("registration", undefined, 10)).toEqual([])
    }).pipe(Effect.provide(storage))
  )

  it.scoped("drops keys that were replaced a day ago", () =>
    Effect.gen(function* () {
      const storage = yield* Storage
      yield* unregistered
      const { user } = Option.getOrThrow(yield* storage.findUser(TenantNumber.make(1), userId))
      yield* storage.saveSubscribed(subscribed(user), new Uint8Array(32), undefined)
      yield* storage.replaceRegistrationKey(user, new Uint8Array(2), 1, 1)
      yield* TestClock.adjust("23 hours")
      expect(yield* storage.formerKeys(user)).toHaveLength(1)
      yield* TestClock.adjust("70 minutes")
      expect(yield* storage.formerKeys(user)).toEqual([])
    }).pipe(Effect.provide(layer))
  )

  it.scoped("goes on after storage was away", () =>
    Effect.gen(function* () {
      const faults = yield* StorageFaults
      const exists = yield* unregistered
      faults.down(true)
      yield* TestClock.adjust("71 minutes")
      faults.down(false)
      expect(yield* exists).toBe(true)
      yield* TestClock.adjust("10 minutes")
      expect(yield* exists).toBe(false)
    }).pipe(Effect.provide(layer))
  )

  it.scoped("gives up what waits in the outbox for 24 hours", () =>
    Effect.gen(function* () {
      const faults = yield* StorageFaults
      const before = faults.calls("expireOutbox")
      yield* TestClock.adjust("20 minutes")
      expect(faults.calls("expireOutbox") - before).toBe(2)
    }).pipe(Effect.provide(layer))
  )

  it.scoped("clears up once a day, the first time within some 70 minutes", () =>
    Effect.gen(function* () {
      const faults = yield* StorageFaults
      yield* TestClock.adjust("9 minutes")
      expect(faults.calls("dropDeadLetters")).toBe(0)
      yield* TestClock.adjust("61 minutes")
      expect(faults.calls("dropDeadLetters")).toBe(1)
      yield* TestClock.adjust("22 hours")
      expect(faults.calls("dropDeadLetters")).toBe(1)
      yield* TestClock.adjust("2 hours")
      expect(faults.calls("dropDeadLetters")).toBe(2)
    }).pipe(Effect.provide(layer))
  )
})
