import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { addSubscriber, addTenant, device, itemId, mail, NOW, newDevice } from "./Samples.ts"
import type { OnStorage } from "./StorageSuite.ts"

export const outboxSuite = (on: OnStorage) => {
  it.effect(
    "answers a user's entries oldest first, equal ages in the order of arrival",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const [anna, bert] = [yield* addSubscriber(tenant, "anna"), yield* addSubscriber(tenant, "bert")]
        const at = (item: string, queuedAt: number) => mail(anna, item, { queuedAt })
        yield* storage.addOutbox([])
        yield* storage.addOutbox([at("late", NOW + 9), at("z", NOW), mail(bert, "other"), at("y", NOW)])
        yield* storage.addOutbox([
          at("x", NOW),
          at("early", NOW - 9),
          mail(anna, "", { kind: "badge", queuedAt: NOW + 10 }),
          mail(anna, "", { kind: "resubscribe", queuedAt: NOW + 11 })
        ])
        const all = yield* storage.outboxOf(anna, 100)
        expect(all.map((entry) => entry.itemId)).toEqual(["early", "z", "y", "x", "late", "", ""])
        expect(all.map((entry) => entry.kind).slice(-2)).toEqual(["badge", "resubscribe"])
        expect(yield* storage.outboxOf(anna, 2)).toEqual(all.slice(0, 2))
        expect(yield* storage.outboxSize).toEqual({ entries: 8, oldest: NOW - 9 })
      })
    )
  )

  it.effect(
    "an entry that is there already stays as it is",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        const entry = mail(user, "AAMkÄ=")
        yield* storage.addOutbox([entry, { ...entry, queuedAt: NOW + 1 }])
        yield* Effect.all(
          Array.from({ length: 20 }, () => storage.addOutbox([{ ...entry, queuedAt: NOW + 2 }])),
          { concurrency: "unbounded" }
        )
        expect(yield* storage.outboxOf(user, 10)).toEqual([entry])
      })
    )
  )

  it.effect(
    "keeps nothing for devices and users that are gone",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const [anna, bert] = [yield* addSubscriber(tenant, "anna"), yield* addSubscriber(tenant, "bert")]
        yield* storage.deleteUser(bert)
        yield* storage.addOutbox([mail(bert, "a"), mail(anna, "b", { device: device(9) }), mail(anna, "c")])
        expect(yield* storage.outboxSize).toEqual({ entries: 1, oldest: NOW })
        expect(yield* storage.outboxOf(anna, 10)).toEqual([mail(anna, "c")])
      })
    )
  )

  it.effect(
    "removes exactly what it is told",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        yield* storage.saveDevice(user, newDevice("tablet"))
        const other = mail(user, "a", { device: device(2) })
        const badge = mail(user, "", { kind: "badge" })
        yield* storage.addOutbox([mail(user, "a"), mail(user, "b"), other, badge])
        yield* storage.removeOutbox([])
        yield* storage.removeOutbox([mail(user, "a", { queuedAt: 5 }), mail(user, "unknown")])
        yield* storage.removeOutbox([mail(user, "a")])
        expect(yield* storage.outboxOf(user, 10)).toEqual([mail(user, "b"), other, badge])
        expect(itemId("")).toBe(badge.itemId)
      })
    )
  )

  it.effect(
    "names users who wait for a platform, the longest waiting first, each once",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const users = yield* Effect.forEach(["a", "b", "c"], (name) => addSubscriber(tenant, name))
        const [anna, bert, cleo] = [users[0]!, users[1]!, users[2]!]
        yield* storage.saveDevice(bert, newDevice("droid", { platform: "Android" }))
        expect(yield* storage.outboxUsers("iOS", 10)).toEqual([])
        yield* storage.addOutbox([
          mail(anna, "3", { queuedAt: NOW + 3 }),
          mail(bert, "2", { queuedAt: NOW + 2, device: device(2) }),
          mail(cleo, "1", { queuedAt: NOW + 1 }),
          mail(anna, "4", { queuedAt: NOW + 4 }),
          mail(bert, "9", { queuedAt: NOW + 9 })
        ])
        expect(yield* storage.outboxUsers("iOS", 10)).toEqual([cleo, anna, bert])
        expect(yield* storage.outboxUsers("iOS", 2)).toEqual([cleo, anna])
        expect(yield* storage.outboxUsers("Android", 10)).toEqual([bert])
        yield* storage.saveDevice(bert, newDevice("droid", { platform: "iOS" }))
        expect(yield* storage.outboxUsers("Android", 10)).toEqual([])
        expect(yield* storage.outboxUsers("iOS", 10)).toEqual([cleo, bert, anna])
      })
    )
  )

  it.effect(
    "a user with a thousand entries in front does not hide the next one",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const [anna, bert] = [yield* addSubscriber(tenant, "anna"), yield* addSubscriber(tenant, "bert")]
        yield* storage.addOutbox(Array.from({ length: 2000 }, (_, index) => mail(anna, `item ${index}`)))
        yield* storage.addOutbox([mail(bert, "one")])
        expect(yield* storage.outboxUsers("iOS", 1)).toEqual([anna])
        expect(yield* storage.outboxUsers("iOS", 5)).toEqual([anna, bert])
        expect(yield* storage.expireOutbox(NOW + 1)).toBe(2001)
        expect(yield* storage.outboxUsers("iOS", 5)).toEqual([])
      })
    )
  )

  it.effect(
    "gives up what is older than asked, and nothing else",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        yield* storage.saveDevice(user, newDevice("droid", { platform: "Android" }))
        yield* storage.addOutbox([
          mail(user, "old", { queuedAt: NOW - 1 }),
          mail(user, "old", { queuedAt: NOW - 1, device: device(2) }),
          mail(user, "now")
        ])
        expect(yield* storage.expireOutbox(NOW)).toBe(2)
        expect(yield* storage.expireOutbox(NOW)).toBe(0)
        expect(yield* storage.outboxOf(user, 10)).toEqual([mail(user, "now")])
        expect(yield* storage.outboxSize).toEqual({ entries: 1, oldest: NOW })
        yield* storage.expireOutbox(NOW + 1)
        expect(yield* storage.outboxSize).toEqual({ entries: 0, oldest: null })
      })
    )
  )
}
