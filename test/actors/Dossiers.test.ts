import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, TestClock } from "effect"
import * as DossiersModule from "../../actors/Dossiers.ts"
import { Dossiers } from "../../actors/Dossiers.ts"
import { makeRoom } from "../../actors/jobs/RegisteredDevices.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { TenantNumber, UserNumber } from "../../schemas/Ids.ts"
import { userIdOfAddress } from "../../schemas/Ids.ts"
import { inWorld } from "../support/ActorFixture.ts"
import { layerFaulty, StorageFaults } from "../support/FaultyStorage.ts"
import { settled } from "../support/StepClock.ts"

/** Storage whose readings can be held back, each one by itself. */
const makeStorage = Effect.gen(function* () {
  const storage = yield* Storage
  const held: Array<Deferred.Deferred<void>> = []
  let holding = false
  const dossier: Storage["Type"]["dossier"] = (user) =>
    Effect.gen(function* () {
      const found = yield* storage.dossier(user)
      if (!holding) return found
      const gate = yield* Deferred.make<void>()
      held.push(gate)
      yield* Deferred.await(gate)
      return found
    })
  yield* storage.createToken({
    tenant: "default",
    label: "test",
    hash: new Uint8Array(32),
    ewsUrls: [],
    ewsPins: [],
    seg: false,
    createdAt: 0
  })
  const tenant = Option.getOrThrow(yield* storage.tenantOfToken(new Uint8Array(32)))
  const keys = { registrationKey: new Uint8Array(1), sealKey: new Uint8Array(1), callbackKey: null }
  const { user } = yield* storage.createUser({
    tenant: tenant.tenant satisfies TenantNumber,
    userId: userIdOfAddress("ann@example.com"),
    keys,
    createdAt: 0
  })
  return {
    user,
    storage: { ...storage, dossier },
    held,
    hold: (on: boolean) => {
      holding = on
    }
  }
}).pipe(Effect.provide(MemoryStorage.layer))

const device = {
  token: "phone",
  platform: "iOS",
  bundleId: "com.example.mail",
  deviceId: null,
  policy: 1,
  sound: null,
  environment: "production",
  registeredAt: 0
} as const

const tokens = (dossiers: Dossiers["Type"], user: UserNumber) =>
  Effect.map(dossiers.of(user), (found) => Option.getOrThrow(found).devices.map(({ token }) => token))

describe("a dossier", () => {
  it.effect(
    "that was being read while something changed is not kept, however the reads overtake each other",
    () =>
      Effect.gen(function* () {
        const world = yield* makeStorage
        yield* Effect.gen(function* () {
          const dossiers = yield* Dossiers
          world.hold(true)
          const before = yield* Effect.fork(tokens(dossiers, world.user))
          yield* settled
          yield* world.storage.saveDevice(world.user, device)
          yield* dossiers.forget(world.user)
          const after = yield* Effect.fork(tokens(dossiers, world.user))
          yield* settled
          for (const gate of world.held) {
            yield* Deferred.succeed(gate, undefined)
            yield* settled
          }
          expect(yield* Fiber.join(before)).toEqual([])
          expect(yield* Fiber.join(after)).toEqual(["phone"])
          world.hold(false)
          expect(yield* tokens(dossiers, world.user)).toEqual(["phone"])
        }).pipe(
          Effect.provide(DossiersModule.layer.pipe(Layer.provide(Layer.succeed(Storage, world.storage))))
        )
      })
  )

  it.effect("that was read before a device had to make room for another one is not kept", () =>
    Effect.gen(function* () {
      const world = yield* makeStorage
      const newest = { ...device, token: "newest", registeredAt: 99 }
      for (let i = 0; i < 20; i++)
        yield* world.storage.saveDevice(world.user, { ...device, token: `phone ${i}`, registeredAt: i })
      yield* world.storage.saveDevice(world.user, newest)
      yield* Effect.gen(function* () {
        const dossiers = yield* Dossiers
        const dossier = Option.getOrThrow(yield* dossiers.of(world.user))
        yield* dossiers.forget(world.user)
        const deleteDevice: Storage["Type"]["deleteDevice"] = (user, gone) =>
          // A mail that comes just then.
          Effect.zipRight(dossiers.of(user), world.storage.deleteDevice(user, gone))
        const older = { ...dossier, devices: dossier.devices.slice(0, 20) }
        yield* Effect.provideService(makeRoom(older, newest), Storage, { ...world.storage, deleteDevice })
        expect(yield* tokens(dossiers, world.user)).not.toContain("phone 0")
      }).pipe(Effect.provide(DossiersModule.layer.pipe(Layer.provide(Layer.succeed(Storage, world.storage)))))
    })
  )

  it.effect("is read once for many questions until something changed", () =>
    Effect.gen(function* () {
      const world = yield* makeStorage
      let reads = 0
      const counting = {
        ...world.storage,
        dossier: (user: UserNumber) =>
          Effect.tap(world.storage.dossier(user), () => Effect.sync(() => reads++))
      }
      yield* Effect.gen(function* () {
        const dossiers = yield* Dossiers
        for (let i = 0; i < 5; i++) yield* dossiers.of(world.user)
        expect(reads).toBe(1)
        yield* dossiers.forget(world.user)
        yield* dossiers.of(world.user)
        expect(reads).toBe(2)
      }).pipe(Effect.provide(DossiersModule.layer.pipe(Layer.provide(Layer.succeed(Storage, counting)))))
    })
  )
})

describe("a cached dossier that is not fresh any more", () => {
  it.effect("is still good while storage is away, and read anew when that is back", () =>
    Effect.gen(function* () {
      const dossiers = yield* Dossiers
      const faults = yield* StorageFaults
      const storage = yield* Storage
      yield* storage.createToken({
        tenant: "default",
        label: "test",
        hash: new Uint8Array(32),
        ewsUrls: [],
        ewsPins: [],
        seg: false,
        createdAt: 0
      })
      const { tenant } = Option.getOrThrow(yield* storage.tenantOfToken(new Uint8Array(32)))
      const keys = { registrationKey: new Uint8Array(1), sealKey: new Uint8Array(1), callbackKey: null }
      const userId = userIdOfAddress("ann@example.com")
      const { user } = yield* storage.createUser({ tenant, userId, keys, createdAt: 0 })
      yield* dossiers.of(user)
      yield* storage.saveDevice(user, device)
      yield* TestClock.adjust("2 minutes")
      faults.down(true)
      const reads = faults.calls("dossier")
      for (let mails = 0; mails < 10; mails++)
        expect(Option.getOrThrow(yield* dossiers.of(user)).devices).toHaveLength(0)
      // It is not asked at every mail whether it is back.
      expect(faults.calls("dossier")).toBe(reads + 1)
      faults.down(false)
      yield* TestClock.adjust("3 seconds")
      expect(Option.getOrThrow(yield* dossiers.of(user)).devices).toHaveLength(1)
    }).pipe(Effect.provide(DossiersModule.layer), Effect.provide(layerFaulty(MemoryStorage.layer)))
  )
})

const ANN = "ann@example.com"

describe("what storage did although it reported a failure", () => {
  it.scopedLive(
    "counts: a device that is gone hears of no mail, even if the rest of unregistering failed",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* ens.registered(ANN, { token: "tablet" })
        yield* ens.mail(ANN, { sender: "Bob", subject: "one" })
        world.faults.failNext("deleteUserWithoutDevices")
        expect(yield* ens.unregister(ANN, "tablet")).toMatchObject({ status: 503 })
        yield* ens.mail(ANN, { sender: "Bob", subject: "two" })
        expect(yield* world.titles("phone")).toEqual(["Bob · one", "Bob · two"])
        expect(yield* world.titles("tablet")).toEqual(["Bob · one"])
      })
    )
  )

  it.scopedLive(
    "counts: the first device of a user hears of mails, even if storing it seemed to fail",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        world.faults.loseAnswer("saveSubscribed")
        expect(yield* ens.registered(ANN)).toMatchObject({ code: "UserSubscribedNotUpdatedInDb" })
        expect((yield* ens.mail(ANN, { sender: "Bob", subject: "one" })).reply).toBe("Ok")
        expect(yield* world.titles("phone")).toEqual(["Bob · one"])
      })
    )
  )

  it.scopedLive(
    "counts: a further device hears of mails as its policy says, even if storing it seemed to fail",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* ens.mail(ANN, { sender: "Bob", subject: "one" })
        world.faults.loseAnswer("saveDevice")
        yield* ens.registered(ANN, { device: { policy: 2 } })
        yield* ens.mail(ANN, { sender: "Bob", subject: "two" })
        expect(yield* world.titles("phone")).toEqual(["Bob · one", "Bob"])
      })
    )
  )

  it.scopedLive(
    "counts: a new push token gets the mails, even if storing it seemed to fail",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* ens.registered(ANN)
        yield* ens.mail(ANN, { sender: "Bob", subject: "one" })
        world.faults.loseAnswer("replaceDeviceToken")
        yield* ens.updateToken(ANN, "phone", "new")
        yield* ens.mail(ANN, { sender: "Bob", subject: "two" })
        expect(yield* world.titles("phone")).toEqual(["Bob · one"])
        expect(yield* world.titles("new")).toEqual(["Bob · two"])
      })
    )
  )
})

describe("a user whom storage does not know any more", () => {
  it.effect("is not remembered when storage is away afterwards", () =>
    Effect.gen(function* () {
      const dossiers = yield* Dossiers
      const faults = yield* StorageFaults
      const storage = yield* Storage
      yield* storage.createToken({
        tenant: "default",
        label: "test",
        hash: new Uint8Array(32),
        ewsUrls: [],
        ewsPins: [],
        seg: false,
        createdAt: 0
      })
      const { tenant } = Option.getOrThrow(yield* storage.tenantOfToken(new Uint8Array(32)))
      const keys = { registrationKey: new Uint8Array(1), sealKey: new Uint8Array(1), callbackKey: null }
      const userId = userIdOfAddress("ann@example.com")
      const { user } = yield* storage.createUser({ tenant, userId, keys, createdAt: 0 })
      yield* dossiers.of(user)
      yield* storage.forgetUnregistered(1)
      yield* TestClock.adjust("2 minutes")
      expect(Option.isNone(yield* dossiers.of(user))).toBe(true)
      faults.down(true)
      expect((yield* Effect.either(dossiers.of(user)))._tag).toBe("Left")
    }).pipe(Effect.provide(DossiersModule.layer), Effect.provide(layerFaulty(MemoryStorage.layer)))
  )
})
