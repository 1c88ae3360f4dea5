import { expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { addSubscriber, addTenant, addUser, device, mail, NOW, newDevice, userNumber } from "./Samples.ts"
import type { OnStorage } from "./StorageSuite.ts"

export const devicesSuite = (on: OnStorage) => {
  it.effect(
    "adds devices with rising numbers, and updates the one with the same token",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        const phone = newDevice("телефон 📱", { sound: "", deviceId: "uem-7" })
        const tablet = newDevice("x".repeat(3000), {
          platform: "Android",
          policy: 4,
          sound: "ding",
          environment: "sandbox"
        })
        expect(yield* storage.saveDevice(user, phone)).toEqual({
          ...phone,
          device: 1,
          seenAt: NOW,
          nudgedAt: []
        })
        expect(yield* storage.saveDevice(user, tablet)).toEqual({
          ...tablet,
          device: 2,
          seenAt: NOW,
          nudgedAt: []
        })
        yield* storage.saveNudged(user, device(1), [NOW, NOW + 1])
        const changed = newDevice("телефон 📱", { policy: 0, sound: null, registeredAt: NOW + 9 })
        const expected = { ...changed, device: 1, seenAt: NOW + 9, nudgedAt: [NOW, NOW + 1] }
        expect(yield* storage.saveDevice(user, changed)).toEqual(expected)
        expect(yield* storage.devices(user)).toEqual([
          expected,
          { ...tablet, device: 2, seenAt: NOW, nudgedAt: [] }
        ])
      })
    )
  )

  it.effect(
    "fifty registrations at once of one token make one device",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        const saved = yield* Effect.all(
          Array.from({ length: 50 }, () => storage.saveDevice(user, newDevice("phone"))),
          { concurrency: "unbounded" }
        )
        expect(new Set(saved.map((one) => one.device))).toEqual(new Set([1]))
        expect(yield* storage.devices(user)).toHaveLength(1)
      })
    )
  )

  it.effect(
    "fifty devices at once get fifty numbers",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        const saved = yield* Effect.all(
          Array.from({ length: 50 }, (_, index) => storage.saveDevice(user, newDevice(`phone ${index}`))),
          { concurrency: "unbounded" }
        )
        expect(saved.map((one) => one.device).sort((a, b) => a - b)).toEqual(
          Array.from({ length: 50 }, (_, index) => index + 1)
        )
      })
    )
  )

  it.effect(
    "a device's number is never used again for its user",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        const first = yield* storage.saveDevice(user, newDevice("phone"))
        expect(yield* storage.deleteDevice(user, first)).toBe(true)
        expect(yield* storage.deleteDevice(user, first)).toBe(false)
        expect((yield* storage.saveDevice(user, newDevice("phone"))).device).toBe(2)
      })
    )
  )

  it.effect(
    "a device of a user who is gone is refused",
    on((storage) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(storage.saveDevice(userNumber("77"), newDevice("phone")))
        expect(error).toMatchObject({ _tag: "StorageError", operation: "saveDevice", transient: false })
        expect(yield* storage.devices(userNumber("77"))).toEqual([])
        expect(yield* storage.replaceDeviceToken(userNumber("77"), "a", "b", NOW)).toBe(false)
      })
    )
  )

  it.effect(
    "deleting a device empties its outbox and leaves the other's",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        yield* storage.saveDevice(user, newDevice("tablet"))
        yield* storage.addOutbox([mail(user, "a"), mail(user, "a", { device: device(2) })])
        const [phone] = yield* storage.devices(user)
        if (phone === undefined) throw new Error("a subscriber has a phone")
        yield* storage.deleteDevice(user, phone)
        expect((yield* storage.devices(user)).map((one) => one.token)).toEqual(["tablet"])
        expect(yield* storage.outboxOf(user, 10)).toEqual([mail(user, "a", { device: device(2) })])
      })
    )
  )

  it.effect(
    "a device that registers while it is deleted is there afterwards, and its user is",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        let before = yield* storage.saveDevice(user, newDevice("phone"))
        for (let round = 1; round <= 10; round++) {
          const [, , saved] = yield* Effect.all(
            [
              storage.deleteDevice(user, before),
              Effect.exit(storage.deleteUserWithoutDevices(user)),
              Effect.option(storage.saveDevice(user, newDevice("phone", { registeredAt: NOW + round })))
            ],
            { concurrency: "unbounded" }
          )
          const gone = Option.isNone(yield* storage.user(user))
          expect(gone).toBe(Option.isNone(saved))
          if (Option.isNone(saved)) return
          expect(yield* storage.devices(user)).toEqual([saved.value])
          before = saved.value
        }
      })
    )
  )

  it.effect(
    "a device that got another token, or registered again, is not the one that was to be deleted",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        const first = yield* storage.saveDevice(user, newDevice("phone"))
        const again = yield* storage.saveDevice(user, newDevice("phone", { registeredAt: NOW + 1 }))
        expect(yield* storage.deleteDevice(user, first)).toBe(false)
        yield* storage.replaceDeviceToken(user, "phone", "new", NOW + 1)
        yield* storage.addOutbox([mail(user, "a")])
        expect(yield* storage.deleteDevice(user, again)).toBe(false)
        expect((yield* storage.devices(user)).map((one) => one.token)).toEqual(["new"])
        expect(yield* storage.outboxOf(user, 10)).toEqual([mail(user, "a")])
      })
    )
  )

  it.effect(
    "replaces a token and keeps number, settings and what waits",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        yield* storage.addOutbox([mail(user, "a")])
        expect(yield* storage.replaceDeviceToken(user, "phone of anna", "new", NOW + 5)).toBe(true)
        expect(yield* storage.replaceDeviceToken(user, "phone of anna", "newer", NOW + 6)).toBe(false)
        expect(yield* storage.replaceDeviceToken(user, "new", "new", NOW + 7)).toBe(true)
        expect(yield* storage.devices(user)).toEqual([
          { ...newDevice("new", { registeredAt: NOW + 7 }), device: 1, seenAt: NOW + 7, nudgedAt: [] }
        ])
        expect(yield* storage.outboxOf(user, 10)).toEqual([mail(user, "a")])
      })
    )
  )

  it.effect(
    "keeps a push endpoint with its device while the token is the same, and forgets it with a new one",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        yield* storage.saveDevice(user, newDevice("tablet"))
        const endpoints = Effect.map(storage.devices(user), (all) =>
          all.map(({ endpoint, token }) => [token, endpoint])
        )
        const arn = "arn:aws:sns:eu-central-1:123456789012:endpoint/APNS/ens/1"
        const first = { arn, registeredAt: NOW }
        const second = { arn, registeredAt: NOW + 5 }
        expect((yield* storage.devices(user))[0]).not.toHaveProperty("endpoint")
        yield* storage.saveEndpoint(user, "phone of anna", first)
        yield* storage.saveEndpoint(user, "tablet", first)
        yield* storage.saveEndpoint(user, "tablet", second)
        yield* storage.saveEndpoint(user, "no such", first)
        yield* storage.saveEndpoint(userNumber("77"), "phone of anna", first)
        const again = yield* storage.saveDevice(user, newDevice("tablet", { registeredAt: NOW + 9 }))
        expect(again.endpoint).toEqual(second)
        yield* storage.replaceDeviceToken(user, "tablet", "tablet", NOW + 10)
        expect(yield* endpoints).toEqual([
          ["phone of anna", first],
          ["tablet", second]
        ])
        yield* storage.replaceDeviceToken(user, "phone of anna", "tablet", NOW + 11)
        expect(yield* endpoints).toEqual([["tablet", second]])
        yield* storage.replaceDeviceToken(user, "tablet", "new", NOW + 12)
        expect(yield* endpoints).toEqual([["new", undefined]])
        expect((yield* storage.devices(user))[0]).not.toHaveProperty("endpoint")
      })
    )
  )

  it.effect(
    "replacing by a token that is there leaves one device, and what waited for either waits for it once",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        yield* storage.saveDevice(user, newDevice("new", { policy: 3 }))
        const both = (item: string, of: number) => mail(user, item, { device: device(of) })
        yield* storage.addOutbox([both("a", 1), both("b", 1), both("b", 2), both("c", 2)])
        expect(yield* storage.replaceDeviceToken(user, "phone of anna", "new", NOW + 5)).toBe(true)
        expect(yield* storage.devices(user)).toEqual([
          {
            ...newDevice("new", { policy: 3, registeredAt: NOW + 5 }),
            device: 2,
            seenAt: NOW + 5,
            nudgedAt: []
          }
        ])
        const waiting = yield* storage.outboxOf(user, 10)
        expect(waiting.map((entry) => entry.itemId)).toEqual(["a", "b", "c"])
        expect(new Set(waiting.map((entry) => entry.device))).toEqual(new Set([2]))
      })
    )
  )
}
