import { expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import {
  addSubscriber,
  addTenant,
  addUser,
  bytes,
  generation,
  hashOf,
  hotState,
  itemId,
  mail,
  NOW,
  newDevice,
  subscribed,
  subscriptionId,
  watermark
} from "./Samples.ts"
import type { OnStorage } from "./StorageSuite.ts"

const MOST = Number.MAX_SAFE_INTEGER
const TEXT = "żółć ñ Ω ж 日本語 ﷽ 😀 👩‍👩‍👧 \u{10ffff} '\"\\ [x] %_ @1 ? \t\r\n end"

/** What JSON has no escapes for: Babelfish leaves them in. Watermarks and ids are Base64. */
const PLAIN = TEXT.replace(/["\\\t\r\n]/g, "")

export const extremesSuite = (on: OnStorage) => {
  it.effect(
    "keeps any text, the biggest numbers, nothing, and big bytes as they were given",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant(`tenant ${TEXT.slice(0, 40)}`), "anna", MOST)
        const device = newDevice(`${TEXT} ${"x".repeat(4000)}`, {
          bundleId: TEXT,
          deviceId: TEXT,
          sound: TEXT,
          registeredAt: MOST
        })
        const values = subscribed(user, {
          generation: generation(MOST),
          subscriptionId: subscriptionId(`${TEXT}${"s".repeat(5000)}`),
          watermark: watermark(TEXT),
          ewsUrl: `https://${TEXT}`,
          tokenExpiresAt: MOST,
          subscribedAt: MOST,
          form: MOST,
          unread: MOST
        })
        yield* storage.saveSubscribed(values, bytes("f", 32), device)
        yield* storage.saveEndpoint(user, device.token, { arn: TEXT, registeredAt: MOST })
        const hot = hotState({
          ...{ watermark: watermark(PLAIN), lastHeard: MOST, unread: MOST, badge: MOST, gapSince: MOST },
          ledger: bytes("ledger", 20_000)
        })
        yield* storage.saveHot([{ user, generation: generation(MOST), hot }])
        const { dossier, stored } = yield* Effect.all({
          dossier: Effect.flatten(storage.dossier(user)),
          stored: Effect.flatten(storage.subscription(user))
        })
        const { unread: _, watermark: __, ...lasting } = values
        expect(stored).toMatchObject({ ...lasting, hot })
        expect(dossier.user.createdAt).toBe(MOST)
        expect(dossier.devices).toEqual([
          {
            ...device,
            ...{ device: 1, seenAt: MOST, nudgedAt: [], endpoint: { arn: TEXT, registeredAt: MOST } }
          }
        ])
        const empty = { ...hot, unread: null, badge: null, gapSince: null, ledger: new Uint8Array() }
        yield* storage.saveHot([{ user, generation: generation(MOST), hot: empty }])
        expect((yield* Effect.flatten(storage.subscription(user))).hot).toEqual(empty)
        yield* storage.savePartial(user, generation(MOST), bytes("partial", 100_000))
        expect(yield* storage.partial(user, generation(MOST))).toEqual(Option.some(bytes("partial", 100_000)))
        yield* storage.addDeadLetter({ user, digest: TEXT, reason: TEXT, at: MOST })
        expect(yield* storage.deadLetters(user)).toEqual([{ digest: TEXT, reason: TEXT, at: MOST }])
      })
    )
  )

  it.effect(
    "tells tokens and items apart that differ by case, width, a blank at the end, or far behind only",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        const long = "Ä".repeat(3000)
        const names = ["a", "A", "a ", "ａ", "á", "a\u0301", `${long}1`, `${long}2`]
        for (const name of names) yield* storage.saveDevice(user, newDevice(name))
        const tokens = (yield* storage.devices(user)).map(({ token }) => token)
        expect(tokens).toEqual(["phone of anna", ...names])
        const entries = names.map((name) => mail(user, name.slice(-900), { queuedAt: NOW }))
        yield* storage.addOutbox([...entries, ...entries])
        expect(yield* storage.outboxOf(user, 99)).toEqual(entries)
        yield* storage.removeOutbox([entries[1]!, entries[7]!])
        expect(yield* storage.outboxOf(user, 99)).toEqual(entries.filter((_, at) => at !== 1 && at !== 7))
        expect(yield* storage.replaceDeviceToken(user, "a ", "b ", NOW)).toBe(true)
        expect((yield* storage.devices(user)).map(({ token }) => token)).toEqual(
          tokens.map((token) => (token === "a " ? "b " : token))
        )
      })
    )
  )

  it.effect(
    "fifty that save one thing at once leave it as one of them had it",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        const fifty = Array.from({ length: 50 }, (_, index) => bytes(`try ${index}`, 4096))
        yield* Effect.forEach(fifty, (value) => storage.savePartial(user, generation(1), value), {
          concurrency: "unbounded"
        })
        expect(fifty).toContainEqual(Option.getOrThrow(yield* storage.partial(user, generation(1))))
        yield* Effect.forEach(
          fifty,
          (value, index) =>
            storage.saveSubscribed(
              subscribed(user, { subscriptionId: subscriptionId(`number ${index}`) }),
              value.subarray(0, 32),
              newDevice("phone")
            ),
          { concurrency: "unbounded" }
        )
        expect(yield* storage.devices(user)).toHaveLength(1)
        expect((yield* storage.subscriptions(undefined, 10)).rows).toHaveLength(1)
      })
    )
  )

  it.effect(
    "what fails in its second step leaves nothing of the first",
    on((storage) =>
      Effect.gen(function* () {
        yield* addTenant("t")
        const token = (label: string, hash: string, ewsUrls: ReadonlyArray<string>) => ({
          ...{ tenant: "u", label, hash: hashOf(hash), ewsUrls, ewsPins: [], seg: false, createdAt: NOW }
        })
        const refused = token("taken", "token of t", ["https://refused"])
        expect(yield* Effect.flip(storage.createToken(refused))).toMatchObject({ transient: false })
        yield* storage.createToken(token("own", "another", ["https://own"]))
        expect(yield* Effect.flip(storage.createToken(refused))).toMatchObject({ transient: false })
        const tenant = yield* Effect.flatten(storage.tenantOfToken(hashOf("another")))
        expect(tenant.ewsUrls).toEqual(["https://own"])
        expect(yield* storage.listTokens).toHaveLength(2)
      })
    )
  )

  it.effect(
    "a thousand rows go through one call",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        const entries = Array.from({ length: 1000 }, (_, index) =>
          mail(user, `${index}`, {
            queuedAt: NOW + index,
            itemId: itemId(`item ${index} ${"x".repeat(100)}`)
          })
        )
        yield* storage.addOutbox(entries)
        expect(yield* storage.outboxSize).toEqual({ entries: 1000, oldest: NOW })
        expect(yield* storage.outboxOf(user, 10)).toEqual(entries.slice(0, 10))
        yield* storage.removeOutbox(entries.slice(1))
        expect(yield* storage.outboxOf(user, 10)).toEqual(entries.slice(0, 1))
      })
    )
  )
}
