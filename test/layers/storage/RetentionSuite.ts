import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { UserNumber } from "../../../schemas/Ids.ts"
import { addSubscriber, addTenant, addUser, generation, NOW, newDevice, userNumber } from "./Samples.ts"
import type { OnStorage } from "./StorageSuite.ts"

export const retentionSuite = (on: OnStorage) => {
  it.effect(
    "a device's app is heard of later, never earlier",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        const seen = Effect.map(storage.devices(user), (all) => all.map(({ seenAt }) => seenAt))
        expect(yield* seen).toEqual([NOW])
        yield* storage.saveSeen(user, "phone of anna", NOW - 1)
        expect(yield* seen).toEqual([NOW])
        yield* storage.saveSeen(user, "phone of anna", NOW + 7)
        yield* storage.saveSeen(user, "phone of anna", NOW + 6)
        yield* storage.saveSeen(user, "no such", NOW + 9)
        yield* storage.saveSeen(userNumber("77"), "phone of anna", NOW + 9)
        expect(yield* seen).toEqual([NOW + 7])
      })
    )
  )

  it.effect(
    "finds devices that were not seen for long, of all users, a page a call",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const [anna, bert] = [yield* addSubscriber(tenant, "anna"), yield* addSubscriber(tenant, "bert")]
        yield* storage.saveDevice(anna, newDevice("tablet", { registeredAt: NOW - 9 }))
        yield* storage.saveDevice(bert, newDevice("old", { registeredAt: NOW - 5 }))
        yield* storage.saveDevice(bert, newDevice("used", { registeredAt: NOW - 5 }))
        yield* storage.saveSeen(bert, "used", NOW)
        const found = yield* storage.staleDevices(NOW, undefined)
        expect(found).toEqual({
          devices: [
            { user: anna, token: "tablet", seenAt: NOW - 9 },
            { user: bert, token: "old", seenAt: NOW - 5 }
          ],
          next: undefined
        })
        expect((yield* storage.staleDevices(NOW, anna)).devices).toEqual(found.devices.slice(1))
        expect((yield* storage.staleDevices(NOW - 9, undefined)).devices).toEqual([])
      })
    )
  )

  it.effect(
    "finds users whose subscription is lost for long",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const names = ["anna", "bert", "cleo"]
        const [anna, bert, cleo] = yield* Effect.forEach(names, (name) => addSubscriber(tenant, name))
        yield* addUser(tenant, "dora")
        const link = (user: UserNumber, of: "Lost" | "Overdue", linkSince: number) => ({
          ...{ user, generation: generation(1), link: of, linkSince, nudges: 0 }
        })
        yield* storage.saveLinks([
          link(anna!, "Lost", NOW - 1),
          link(bert!, "Lost", NOW),
          link(cleo!, "Overdue", NOW - 1)
        ])
        expect(yield* storage.lostUsers(NOW, undefined)).toEqual({ users: [anna], next: undefined })
        expect((yield* storage.lostUsers(NOW + 1, undefined)).users).toEqual([anna, bert])
        expect((yield* storage.lostUsers(NOW + 1, anna)).users).toEqual([bert])
      })
    )
  )

  it.effect(
    "drops dead letters that are older than asked",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        for (const at of [NOW - 2, NOW - 1, NOW])
          yield* storage.addDeadLetter({ user, digest: "d", reason: "r", at })
        expect(yield* storage.dropDeadLetters(NOW)).toBe(2)
        expect(yield* storage.dropDeadLetters(NOW)).toBe(0)
        expect((yield* storage.deadLetters(user)).map(({ at }) => at)).toEqual([NOW])
      })
    )
  )
}
