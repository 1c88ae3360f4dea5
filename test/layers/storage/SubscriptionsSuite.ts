import { expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import {
  addSubscriber,
  addTenant,
  addUser,
  bytes,
  generation,
  hotState,
  NOW,
  newDevice,
  subscribed,
  subscriptionId,
  userNumber,
  watermark
} from "./Samples.ts"
import type { OnStorage } from "./StorageSuite.ts"

export const subscriptionsSuite = (on: OnStorage) => {
  it.effect(
    "a first subscription stores itself, the fingerprint and the device",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        expect(yield* storage.subscription(user)).toEqual(Option.none())
        const all = subscribed(user, {
          authType: "OAuth",
          tokenExpiresAt: NOW + 3_600_000,
          watermark: null,
          unread: null,
          ewsUrl: "https://müller.example/EWS"
        })
        const device = yield* storage.saveSubscribed(all, bytes("finger", 32), newDevice("phone"))
        expect(device).toEqual({ ...newDevice("phone"), device: 1, seenAt: NOW, nudgedAt: [] })
        expect(yield* storage.devices(user)).toEqual([device])
        expect((yield* Effect.flatten(storage.user(user))).fingerprint).toEqual(bytes("finger", 32))
        expect(yield* Effect.flatten(storage.subscription(user))).toEqual({
          user,
          bucket: expect.any(Number),
          generation: 1,
          refused: 0,
          subscriptionId: all.subscriptionId,
          ewsUrl: "https://müller.example/EWS",
          exchangeVersion: "Exchange2013_SP1",
          authType: "OAuth",
          tokenExpiresAt: NOW + 3_600_000,
          subscribedAt: NOW,
          form: 123_456_789,
          sealKeyMadeAt: NOW,
          link: "Unconfirmed",
          linkSince: NOW,
          nudges: 0,
          hot: {
            watermark: null,
            lastHeard: NOW,
            unread: null,
            badge: null,
            gapSince: null,
            ledger: new Uint8Array()
          }
        })
      })
    )
  )

  it.effect(
    "a new subscription starts anew but keeps ledger, badge, gap and refused generation, and drops older partials",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        const hot = hotState({ gapSince: NOW - 5 })
        yield* storage.saveHot([{ user, generation: generation(1), hot }])
        yield* storage.saveLinks([
          { user, generation: generation(1), link: "Lost", linkSince: NOW + 5, nudges: 7 }
        ])
        yield* storage.saveRefused(user, generation(2))
        for (const number of [1, 2, 3])
          yield* storage.savePartial(user, generation(number), bytes(`${number}`, 50))
        const anew = {
          generation: generation(3),
          subscriptionId: subscriptionId("new"),
          subscribedAt: NOW + 9,
          form: null
        }
        yield* storage.saveSubscribed(subscribed(user, anew), bytes("f", 32), newDevice("phone of anna"))
        const stored = yield* Effect.flatten(storage.subscription(user))
        expect(stored).toMatchObject({
          ...anew,
          refused: 2,
          link: "Unconfirmed",
          linkSince: NOW + 9,
          nudges: 0
        })
        expect(stored.hot).toEqual({ ...hot, watermark: watermark("AQAAA"), lastHeard: NOW + 9, unread: 3 })
        expect(yield* storage.partial(user, generation(2))).toEqual(Option.none())
        expect(yield* storage.partial(user, generation(3))).toEqual(Option.some(bytes("3", 50)))
        expect(yield* storage.devices(user)).toHaveLength(1)
      })
    )
  )

  it.effect(
    "storing a subscription of a user who is gone fails and leaves nothing",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        yield* storage.deleteUser(user)
        const error = yield* Effect.flip(
          storage.saveSubscribed(subscribed(user), bytes("f", 32), newDevice("phone"))
        )
        expect(error).toMatchObject({ operation: "saveSubscribed", transient: false })
        expect(yield* storage.subscription(user)).toEqual(Option.none())
        expect(yield* storage.devices(user)).toEqual([])
      })
    )
  )

  it.effect(
    "pages through subscriptions by user number, and says which page is the last",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const users = []
        for (let index = 0; index < 12; index++) {
          users.push(yield* addSubscriber(tenant, `user ${index}`))
          yield* addUser(tenant, `without subscription ${index}`)
        }
        const first = yield* storage.subscriptions(undefined, 5)
        const second = yield* storage.subscriptions(first.next, 5)
        const third = yield* storage.subscriptions(second.next, 5)
        const pages = [first, second, third]
        expect(pages.flatMap(({ rows }) => rows.map((row) => row.user))).toEqual(users)
        expect(pages.map(({ next }) => next)).toEqual([users[4], users[9], undefined])
        expect((yield* storage.subscriptions(users[5], 6)).next).toBeUndefined()
        expect(yield* storage.subscriptions(users[11], 5)).toEqual({ rows: [], next: undefined })
        expect(Option.some(first.rows[3])).toEqual(yield* storage.subscription(users[3]!))
      })
    )
  )

  it.effect(
    "adopting raises the generation and takes the new id, and never goes back",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        yield* storage.adopt(user, generation(4), subscriptionId("found"))
        yield* storage.adopt(user, generation(4), subscriptionId("found"))
        yield* storage.adopt(user, generation(2), subscriptionId("old"))
        const stored = yield* Effect.flatten(storage.subscription(user))
        expect(stored).toMatchObject({ generation: 4, subscriptionId: "found", form: null })
        yield* storage.saveHot([{ user, generation: generation(3), hot: hotState() }])
        expect(yield* Effect.flatten(storage.subscription(user))).toEqual(stored)
        yield* storage.adopt(userNumber("999"), generation(4), subscriptionId("nobody's"))
      })
    )
  )

  it.effect(
    "the refused generation only rises and is kept for a user without a subscription too",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        yield* storage.saveRefused(user, generation(5))
        yield* storage.saveRefused(user, generation(3))
        yield* storage.saveSubscribed(
          subscribed(user, { generation: generation(6) }),
          bytes("f", 32),
          newDevice("p")
        )
        expect(yield* Effect.flatten(storage.subscription(user))).toMatchObject({ generation: 6, refused: 5 })
      })
    )
  )

  it.effect(
    "saves the link with since when and how many nudges",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        const link = { link: "CredentialsRejected", linkSince: Number.MAX_SAFE_INTEGER, nudges: 3 } as const
        yield* storage.saveLinks([{ user, generation: generation(1), ...link }])
        expect(yield* Effect.flatten(storage.subscription(user))).toMatchObject(link)
      })
    )
  )

  it.effect(
    "saves many links, passing over older generations and users who are gone",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const [anna, bert] = [yield* addSubscriber(tenant, "anna"), yield* addSubscriber(tenant, "bert")]
        yield* storage.adopt(anna, generation(3), subscriptionId("a"))
        const before = yield* storage.subscription(anna)
        const link = { link: "Overdue", linkSince: NOW + 1, nudges: 1 } as const
        yield* storage.saveLinks([])
        yield* storage.saveLinks([
          { user: anna, generation: generation(2), ...link },
          { user: userNumber("123456789012345"), generation: generation(9), ...link },
          { user: bert, generation: generation(2), ...link }
        ])
        expect(yield* storage.subscription(anna)).toEqual(before)
        expect(yield* Effect.flatten(storage.subscription(bert))).toMatchObject(link)
      })
    )
  )

  it.effect(
    "saves many hot states, passing over older generations and users who are gone",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const [anna, bert, cleo, dora] = yield* Effect.forEach(["anna", "bert", "cleo", "dora"], (name) =>
          addSubscriber(tenant, name)
        )
        yield* storage.deleteUser(cleo!)
        yield* storage.adopt(bert!, generation(2), subscriptionId("b"))
        const bertBefore = yield* storage.subscription(bert!)
        const hots = {
          anna: hotState({ ledger: bytes("big", 4096), unread: Number.MAX_SAFE_INTEGER, gapSince: NOW - 1 }),
          dora: hotState({ watermark: watermark("é"), unread: null, badge: null, ledger: new Uint8Array() })
        }
        yield* storage.saveHot([])
        yield* storage.saveHot([
          { user: anna!, generation: generation(1), hot: hots.anna },
          { user: bert!, generation: generation(1), hot: hotState() },
          { user: cleo!, generation: generation(1), hot: hotState() },
          { user: userNumber("123456789012345"), generation: generation(1), hot: hotState() },
          { user: dora!, generation: generation(1), hot: hots.dora }
        ])
        expect((yield* Effect.flatten(storage.subscription(anna!))).hot).toEqual(hots.anna)
        expect((yield* Effect.flatten(storage.subscription(dora!))).hot).toEqual(hots.dora)
        expect(yield* storage.subscription(bert!)).toEqual(bertBefore)
        expect(yield* storage.subscription(cleo!)).toEqual(Option.none())
      })
    )
  )

  it.effect(
    "a hot state without watermark leaves the stored one",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        const hot = hotState({ watermark: null })
        yield* storage.saveHot([{ user, generation: generation(1), hot }])
        const stored = yield* Effect.flatten(storage.subscription(user))
        expect(stored.hot).toEqual({ ...hot, watermark: watermark("AQAAA") })
      })
    )
  )

  it.effect(
    "a hot state of a generation that storage does not know yet leaves the door open for the stored one",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        yield* storage.saveHot([{ user, generation: generation(2), hot: hotState({ unread: 20 }) }])
        yield* storage.saveHot([{ user, generation: generation(1), hot: hotState({ unread: 10 }) }])
        const stored = yield* Effect.flatten(storage.subscription(user))
        expect(stored).toMatchObject({ generation: 1, hot: { unread: 10 } })
      })
    )
  )

  it.effect(
    "a subscription can be renewed without a device, and adopted without an id",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        const before = yield* storage.devices(user)
        const renewed = subscribed(user, { generation: generation(2) })
        expect(yield* storage.saveSubscribed(renewed, bytes("f", 32), undefined)).toBeUndefined()
        expect(yield* storage.devices(user)).toEqual(before)
        yield* storage.adopt(user, generation(2), subscriptionId("told late"))
        expect((yield* Effect.flatten(storage.subscription(user))).form).toBe(renewed.form)
        yield* storage.adopt(user, generation(3), null)
        expect(yield* Effect.flatten(storage.subscription(user))).toMatchObject({
          generation: 3,
          subscriptionId: null
        })
      })
    )
  )

  it.effect(
    "keeps the partial ciphertext of each generation",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        yield* storage.savePartial(user, generation(1), bytes("one", 4096))
        yield* storage.savePartial(user, generation(2), bytes("two", 20_000))
        yield* storage.savePartial(user, generation(2), bytes("two again", 100))
        expect(yield* storage.partial(user, generation(1))).toEqual(Option.some(bytes("one", 4096)))
        expect(yield* storage.partial(user, generation(2))).toEqual(Option.some(bytes("two again", 100)))
        expect(yield* storage.partial(user, generation(3))).toEqual(Option.none())
        yield* storage.deleteUser(user)
        const error = yield* Effect.flip(storage.savePartial(user, generation(1), bytes("late", 10)))
        expect(error.operation).toBe("savePartial")
      })
    )
  )

  it.effect(
    "drops the partial ciphertext of one generation alone, if it is there",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const { user } = yield* addUser(tenant, "anna")
        const other = yield* addUser(tenant, "bert")
        for (const one of [user, other.user]) {
          yield* storage.savePartial(one, generation(1), bytes("one", 20))
          yield* storage.savePartial(one, generation(2), bytes("two", 20))
        }
        yield* storage.deletePartial(user, generation(2))
        yield* storage.deletePartial(user, generation(2))
        expect(yield* storage.partial(user, generation(2))).toEqual(Option.none())
        expect(yield* storage.partial(user, generation(1))).toEqual(Option.some(bytes("one", 20)))
        expect(yield* storage.partial(other.user, generation(2))).toEqual(Option.some(bytes("two", 20)))
        yield* storage.deleteUser(user)
        yield* storage.deletePartial(user, generation(1))
      })
    )
  )
}
