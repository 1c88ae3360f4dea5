import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { formOf } from "../../actors/SubscriptionForm.ts"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import { firstRing, SERVICE_KEYS, withNewMac, wrapRing } from "../../layers/crypto/ServiceKeyRing.ts"
import * as ServiceKeys from "../../layers/crypto/ServiceKeys.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { Settings } from "../../schemas/Settings.ts"
import * as OldCallbackKeys from "../../src/OldCallbackKeys.ts"
import { addTenant, addUser, subscribed } from "../layers/storage/Samples.ts"
import { settingsOf } from "../support/CryptoFixture.ts"
import { layerFaulty, StorageFaults } from "../support/FaultyStorage.ts"

const master = LocalMasterKey.make(randomBytes(32))

/** A database after a rotation. */
const rotated = Layer.effectDiscard(
  Effect.flatMap(Storage, (storage) =>
    storage.meta(SERVICE_KEYS, wrapRing(master, withNewMac(firstRing(master), 5)))
  )
)
const layer = Layer.fresh(
  ServiceKeys.layer.pipe(
    Layer.provide(rotated),
    Layer.provideMerge(
      Layer.mergeAll(layerFaulty(MemoryStorage.layer), Layer.succeed(MasterKey, master), settingsOf({}))
    )
  )
)

const forms = Effect.gen(function* () {
  const settings = yield* Settings
  const { form } = yield* ServiceKeys.ServiceKeys
  return { old: formOf(settings, master.checkValue), now: formOf(settings, form) }
})

/** A user whose subscription is of this form. */
const subscriber = (name: string, form: number | null) =>
  Effect.gen(function* () {
    const { user } = yield* addUser(yield* addTenant("default"), name)
    yield* renewed(user, form)
    return user
  })

const renewed = (user: Parameters<typeof subscribed>[0], form: number | null) =>
  Effect.flatMap(Storage, (storage) =>
    storage.saveSubscribed(subscribed(user, { form }), new Uint8Array(16), undefined)
  )

const versions = Effect.map(ServiceKeys.ServiceKeys, ({ callbackMac }) => callbackMac.versions)

describe("keys that only verify callback URLs", () => {
  it.effect("are kept as long as a subscription may have been made with one, and a day longer", () =>
    Effect.gen(function* () {
      const { now, old } = yield* forms
      const ann = yield* subscriber("ann", old)
      const bob = yield* subscriber("bob", null)
      yield* subscriber("cid", now)
      const round = yield* OldCallbackKeys.make
      for (let day = 0; day < 3; day++) yield* round
      expect(yield* versions).toBe(2)
      yield* renewed(ann, now)
      for (let day = 0; day < 3; day++) yield* round
      expect(yield* versions).toBe(2)
      yield* renewed(bob, now)
      yield* round
      expect(yield* versions).toBe(2)
      yield* round
      expect(yield* versions).toBe(1)
    }).pipe(Effect.provide(layer))
  )

  it.effect("stay when storage fails, and go the next time", () =>
    Effect.gen(function* () {
      const faults = yield* StorageFaults
      const round = yield* OldCallbackKeys.make
      yield* round
      faults.down(true)
      yield* round
      faults.down(false)
      expect(yield* versions).toBe(2)
      yield* round
      expect(yield* versions).toBe(1)
    }).pipe(Effect.provide(layer))
  )
})
