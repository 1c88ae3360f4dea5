import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, TestClock } from "effect"
import { Dossiers } from "../../actors/Dossiers.ts"
import { withYoungSealKey } from "../../actors/jobs/YoungSealKey.ts"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import {
  addSubscriber,
  addTenant,
  bytes,
  generation,
  keysOf,
  NOW,
  subscribed
} from "../layers/storage/Samples.ts"
import { settingsOf } from "../support/CryptoFixture.ts"

const DAY = 24 * 60 * 60_000

const hex = (key: Uint8Array) => Buffer.from(key).toString("hex")

const layer = (forgotten: Array<UserNumber>) =>
  Layer.mergeAll(
    MemoryStorage.layer,
    LocalMasterKey.layerTest,
    settingsOf({ userKeyMaxAge: 30 * DAY }),
    Layer.succeed(Dossiers, {
      of: () => Effect.succeedNone,
      forget: (user) => Effect.sync(() => void forgotten.push(user))
    })
  )

const ready = Effect.gen(function* () {
  const storage = yield* Storage
  const user = yield* addSubscriber(yield* addTenant("t"), "anna")
  const read = Effect.map(storage.user(user), Option.getOrThrow)
  const sealedAgain = (number: number, subscribedAt: number) =>
    storage.saveSubscribed(
      subscribed(user, { generation: generation(number), subscribedAt }),
      bytes("anna", 32),
      undefined
    )
  const former = Effect.map(storage.formerKeys(user), (keys) => keys.map(({ wrapped }) => hex(wrapped)))
  return { user, read, sealedAgain, former }
})

describe("the key that a new subscription is sealed with", () => {
  it.effect("is another one when it is too old, once, also for who read the user before", () => {
    const forgotten: Array<UserNumber> = []
    return Effect.gen(function* () {
      const { former, read, sealedAgain, user } = yield* ready
      const before = yield* read
      yield* TestClock.setTime(NOW + 30 * DAY)
      expect(yield* withYoungSealKey(before)).toBe(before)
      expect(forgotten).toEqual([])
      yield* TestClock.adjust(1_000)
      const fresh = yield* withYoungSealKey(before)
      expect(fresh.sealKeyMadeAt).toBeGreaterThan(NOW + 30 * DAY)
      expect(fresh.callbackKey).toBeNull()
      expect(hex((yield* read).sealKey)).toBe(hex(fresh.sealKey))
      expect(forgotten).toEqual([user])
      const again = yield* withYoungSealKey(before)
      expect(hex(again.sealKey)).toBe(hex(fresh.sealKey))
      expect(yield* former).toEqual([hex(keysOf("anna").sealKey)])
      // It became old itself before any subscription was made with it: the first key is needed still.
      yield* TestClock.adjust(31 * DAY)
      expect(hex((yield* withYoungSealKey(yield* read)).sealKey)).toBe(hex(fresh.sealKey))
      expect(yield* former).toEqual([hex(keysOf("anna").sealKey)])
      yield* sealedAgain(2, NOW + 62 * DAY)
      yield* TestClock.adjust(2 * DAY)
      expect(hex((yield* withYoungSealKey(yield* read)).sealKey)).not.toBe(hex(fresh.sealKey))
      expect(yield* former).toEqual([hex(fresh.sealKey)])
      const third = yield* read
      yield* sealedAgain(3, NOW + 64 * DAY)
      expect(hex((yield* withYoungSealKey(before)).sealKey)).toBe(hex(third.sealKey))
    }).pipe(Effect.provide(layer(forgotten)))
  })

  it.effect("is later than a subscription that was made by a clock that was ahead", () =>
    Effect.gen(function* () {
      const { former, read, sealedAgain } = yield* ready
      const ahead = NOW + 40 * DAY
      yield* sealedAgain(2, ahead)
      yield* TestClock.setTime(NOW + 31 * DAY)
      const fresh = yield* withYoungSealKey(yield* read)
      expect(fresh.sealKeyMadeAt).toBe(ahead + 1)
      // No subscription followed. The one that lives needs the former key for as long as that goes on.
      const storage = yield* Storage
      yield* TestClock.setTime(NOW + 100 * DAY)
      expect(hex((yield* withYoungSealKey(yield* read)).sealKey)).toBe(hex(fresh.sealKey))
      expect(yield* storage.dropFormerKeys(NOW + 99 * DAY)).toBe(0)
      expect(yield* former).toEqual([hex(keysOf("anna").sealKey)])
    }).pipe(Effect.provide(layer([])))
  )
})
