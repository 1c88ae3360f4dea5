import { expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import {
  addSubscriber,
  addTenant,
  addUser,
  bytes,
  generation,
  keysOf,
  NOW,
  newDevice,
  subscribed
} from "./Samples.ts"
import type { OnStorage } from "./StorageSuite.ts"

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

export const keysSuite = (on: OnStorage) => {
  it.effect(
    "keys are as old as their user until they are replaced",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const user = yield* addSubscriber(tenant, "anna")
        expect(yield* Effect.flatten(storage.user(user))).toMatchObject({
          sealKeyMadeAt: NOW,
          registrationKeyMadeAt: NOW
        })
        expect(yield* Effect.flatten(storage.subscription(user))).toMatchObject({ sealKeyMadeAt: NOW })
        yield* storage.replaceSealKey(user, bytes("new", 60), NOW + YEAR)
        expect(yield* Effect.flatten(storage.user(user))).toMatchObject({
          sealKey: bytes("new", 60),
          sealKeyMadeAt: NOW + YEAR,
          registrationKeyMadeAt: NOW
        })
        expect((yield* storage.subscriptions(undefined, 5)).rows).toMatchObject([
          { sealKeyMadeAt: NOW + YEAR }
        ])
        expect((yield* Effect.flatten(storage.dossier(user))).user.sealKeyMadeAt).toBe(NOW + YEAR)
      })
    )
  )

  it.effect(
    "a replaced seal key takes the second key pair with it, and both are kept",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        expect(yield* storage.formerKeys(user)).toEqual([])
        yield* storage.setCallbackKey(user, bytes("pair", 1246))
        yield* storage.replaceSealKey(user, bytes("second", 60), NOW + 1)
        expect((yield* Effect.flatten(storage.user(user))).callbackKey).toBeNull()
        expect(yield* storage.formerKeys(user)).toEqual([
          { kind: "callback", wrapped: bytes("pair", 1246), replacedAt: NOW + 1 },
          { kind: "seal", wrapped: keysOf("anna").sealKey, replacedAt: NOW + 1 }
        ])
        // One of each kind: a pair of the time before would open nothing beside the wrong seal key.
        yield* storage.replaceSealKey(user, bytes("third", 60), NOW + 2)
        expect(yield* storage.formerKeys(user)).toEqual([
          { kind: "seal", wrapped: bytes("second", 60), replacedAt: NOW + 2 }
        ])
      })
    )
  )

  it.effect(
    "a key for payloads is replaced once by two at once, who find the same one then",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        const keys = ["one", "two", "three"].map((name) => bytes(name, 1246))
        yield* Effect.forEach(
          keys,
          (key) => storage.replaceRegistrationKey(user, key, NOW + YEAR, NOW + HOUR),
          {
            concurrency: "unbounded"
          }
        )
        const found = yield* Effect.flatten(storage.user(user))
        expect(keys).toContainEqual(found.registrationKey)
        expect(found).toMatchObject({ registrationKeyMadeAt: NOW + YEAR, sealKeyMadeAt: NOW })
        expect(yield* storage.formerKeys(user)).toEqual([
          { kind: "registration", wrapped: keysOf("anna").registrationKey, replacedAt: NOW + YEAR }
        ])
        // Young ones stay.
        yield* storage.replaceRegistrationKey(user, bytes("four", 1246), NOW + YEAR + 2, NOW + YEAR)
        expect(yield* Effect.flatten(storage.user(user))).toEqual(found)
      })
    )
  )

  it.effect(
    "former keys stay as long as the live subscription may need them",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const anna = yield* addSubscriber(tenant, "anna")
        const bob = yield* addSubscriber(tenant, "bob")
        const { user: cleo } = yield* addUser(tenant, "cleo")
        const replaced = NOW + HOUR
        for (const user of [anna, bob, cleo]) {
          yield* storage.replaceSealKey(user, bytes("new", 60), replaced)
          yield* storage.replaceRegistrationKey(user, bytes("new", 1246), replaced, replaced)
        }
        const kinds = (user: typeof anna) =>
          Effect.map(storage.formerKeys(user), (keys) => keys.map(({ kind }) => kind))
        expect(yield* storage.dropFormerKeys(replaced)).toBe(0)
        // Three for payloads, and that of the one who has no subscription.
        expect(yield* storage.dropFormerKeys(replaced + 1)).toBe(4)
        expect(yield* kinds(cleo)).toEqual([])
        expect(yield* kinds(anna)).toEqual(["seal"])
        // A renewal that succeeds a day later; before that the old subscription lives.
        const renewed = subscribed(anna, { generation: generation(2), subscribedAt: replaced + 24 * HOUR })
        yield* storage.saveSubscribed(renewed, bytes("anna", 32), newDevice("phone of anna"))
        expect(yield* storage.dropFormerKeys(replaced + 24 * HOUR)).toBe(0)
        expect(yield* storage.dropFormerKeys(replaced + 24 * HOUR + 1)).toBe(1)
        expect(yield* kinds(anna)).toEqual([])
        expect(yield* kinds(bob)).toEqual(["seal"])
        expect(yield* storage.dropFormerKeys(NOW + YEAR)).toBe(0)
      })
    )
  )

  it.effect(
    "former keys that seal nothing go where keys are retired, and all of them with their user",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const anna = yield* addSubscriber(tenant, "anna")
        const bob = yield* addSubscriber(tenant, "bob")
        const cleo = yield* addSubscriber(tenant, "cleo")
        for (const user of [anna, bob, cleo]) {
          yield* storage.setCallbackKey(user, bytes("pair", 1246))
          yield* storage.replaceSealKey(user, bytes("new", 60), NOW + 1)
          yield* storage.replaceRegistrationKey(user, bytes("new", 1246), NOW + 1, NOW + 1)
        }
        const lost = {
          user: anna,
          generation: generation(1),
          link: "Lost",
          linkSince: NOW,
          nudges: 17
        } as const
        yield* storage.saveLinks([lost])
        expect(yield* storage.retireKeys(anna, bytes("fresh", 60))).toBe(true)
        expect((yield* storage.formerKeys(anna)).map(({ kind }) => kind)).toEqual(["registration"])
        // Not lost: nothing is done.
        expect(yield* storage.retireKeys(bob, bytes("fresh", 60))).toBe(false)
        expect(yield* storage.formerKeys(bob)).toHaveLength(3)
        yield* storage.deleteUser(bob)
        const [phone] = yield* storage.devices(cleo)
        yield* storage.deleteDevice(cleo, phone!)
        expect(yield* storage.deleteUserWithoutDevices(cleo)).toBe(true)
        for (const user of [bob, cleo]) expect(yield* storage.formerKeys(user)).toEqual([])
        expect((yield* storage.wrappedKeys("former", undefined, 10)).map(({ kind }) => kind)).toEqual([
          "registration"
        ])
        expect(yield* storage.user(bob)).toEqual(Option.none())
      })
    )
  )

  it.effect(
    "keys of nobody are replaced by nothing",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        yield* storage.deleteUser(user)
        yield* storage.replaceSealKey(user, bytes("new", 60), NOW + 1)
        yield* storage.replaceRegistrationKey(user, bytes("new", 1246), NOW + 1, NOW + 1)
        expect(yield* storage.formerKeys(user)).toEqual([])
      })
    )
  )
}
