import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, type Layer, Option } from "effect"
import { Storage } from "../../../layers/storage/Storage.ts"
import { type TenantNumber, userIdOfAddress } from "../../../schemas/Ids.ts"
import { devicesSuite } from "./DevicesSuite.ts"
import { extremesSuite } from "./ExtremesSuite.ts"
import { keysSuite } from "./KeysSuite.ts"
import { operationsSuite } from "./OperationsSuite.ts"
import { outboxSuite } from "./OutboxSuite.ts"
import { retentionSuite } from "./RetentionSuite.ts"
import {
  addSubscriber,
  addTenant,
  addUser,
  bytes,
  generation,
  hashOf,
  keysOf,
  mail,
  NOW,
  newDevice,
  userNumber
} from "./Samples.ts"
import { subscriptionsSuite } from "./SubscriptionsSuite.ts"
import { wholeDatabaseSuite } from "./WholeDatabaseSuite.ts"

/** Runs a test body on a storage of its own. */
export type OnStorage = <E>(
  body: (storage: typeof Storage.Service) => Effect.Effect<void, E, Storage>
) => () => Effect.Effect<void, unknown>

/** What every implementation of Storage has to do. `layer` is built anew for each test. */
export const storageSuite = (name: string, layer: Layer.Layer<Storage, unknown>) => {
  // A server's answers do not wait for a test's clock.
  const on: OnStorage = (body) => () =>
    Effect.provide(Effect.flatMap(Storage, body), layer).pipe(Effect.withClock(Clock.make()))
  describe(name, () => {
    metaSuite(on)
    tokensSuite(on)
    tokenLivesSuite(on)
    poolSuite(on)
    usersSuite(on)
    subscriptionsSuite(on)
    keysSuite(on)
    devicesSuite(on)
    outboxSuite(on)
    deadLettersSuite(on)
    retentionSuite(on)
    operationsSuite(on)
    wholeDatabaseSuite(on)
    extremesSuite(on)
  })
}

const metaSuite = (on: OnStorage) => {
  it.effect(
    "keeps the first value of a name, and answers when pinged",
    on((storage) =>
      Effect.gen(function* () {
        yield* storage.ping
        expect(yield* storage.meta("check", bytes("a", 16))).toEqual(bytes("a", 16))
        expect(yield* storage.meta("check", bytes("b", 16))).toEqual(bytes("a", 16))
        expect(yield* storage.meta("other", bytes("b", 4096))).toEqual(bytes("b", 4096))
        expect(storage.location).not.toBe("")
      })
    )
  )
}

const tokensSuite = (on: OnStorage) => {
  const token = (tenant: string, label: string, more = {}) => ({
    tenant,
    label,
    hash: hashOf(`${tenant} ${label}`),
    ewsUrls: [],
    ewsPins: [],
    seg: false,
    createdAt: NOW,
    ...more
  })

  it.effect(
    "makes tokens and their tenants, lists them in order and finds the tenant of each",
    on((storage) =>
      Effect.gen(function* () {
        const first = yield* storage.createToken(
          token("Zürich 日本", "phones", { ewsUrls: ["https://b/EWS", "https://a/EWS"] })
        )
        const second = yield* storage.createToken(token("other", "phones", { seg: true, ewsPins: ["ab"] }))
        expect(first).toEqual({
          ...{ id: first.id, tenant: "Zürich 日本", label: "phones", createdAt: NOW },
          ...{ lastUsedAt: null, replacedAt: null, expiresAt: null }
        })
        expect(second.id).not.toBe(first.id)
        expect(yield* storage.listTokens).toEqual([
          { ...first, ewsUrls: ["https://b/EWS", "https://a/EWS"] },
          { ...second, ewsUrls: [] }
        ])
        const tenant = yield* Effect.flatten(storage.tenantOfToken(hashOf("other phones")))
        expect(tenant).toEqual({
          tenant: tenant.tenant,
          name: "other",
          ewsUrls: [],
          ewsPins: ["ab"],
          seg: true
        })
        expect(yield* storage.tenant(tenant.tenant)).toEqual(Option.some(tenant))
        expect(yield* storage.tenant(99 as TenantNumber)).toEqual(Option.none())
        expect(yield* storage.tenantOfToken(hashOf("nobody's"))).toEqual(Option.none())
      })
    )
  )

  it.effect(
    "a further token of a tenant adds its URLs and pins and leaves what was there",
    on((storage) =>
      Effect.gen(function* () {
        yield* storage.createToken(
          token("t", "1", { ewsUrls: ["https://a", "https://b"], ewsPins: ["1"], seg: true })
        )
        yield* storage.createToken(
          token("t", "2", { ewsUrls: ["https://b", "https://c"], ewsPins: ["1", "2"] })
        )
        const tenant = yield* Effect.flatten(storage.tenantOfToken(hashOf("t 1")))
        expect(tenant.ewsUrls).toEqual(["https://a", "https://b", "https://c"])
        expect(tenant.ewsPins).toEqual(["1", "2"])
        expect(tenant.seg).toBe(true)
        expect(yield* storage.tenantOfToken(hashOf("t 2"))).toEqual(Option.some(tenant))
      })
    )
  )

  it.effect(
    "importing a token twice answers the first, but not under another tenant",
    on((storage) =>
      Effect.gen(function* () {
        const first = yield* storage.createToken(token("t", "1"))
        expect(yield* storage.createToken(token("t", "again", { hash: hashOf("t 1") }))).toEqual(first)
        const error = yield* Effect.flip(storage.createToken(token("u", "2", { hash: hashOf("t 1") })))
        expect(error).toMatchObject({ _tag: "StorageError", operation: "createToken", transient: false })
        expect(yield* storage.listTokens).toHaveLength(1)
      })
    )
  )

  it.effect(
    "a revoked token is gone, its tenant and users stay",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const user = yield* addUser(tenant, "anna")
        const [listed] = yield* storage.listTokens
        expect(yield* storage.revokeToken(listed!.id)).toBe(true)
        expect(yield* storage.revokeToken(listed!.id)).toBe(false)
        expect(yield* storage.revokeToken("1; DROP TABLE users")).toBe(false)
        expect(yield* storage.tenantOfToken(hashOf("token of t"))).toEqual(Option.none())
        expect(yield* storage.user(user.user)).toEqual(Option.some(user))
        expect(Option.isSome(yield* storage.tenant(tenant))).toBe(true)
      })
    )
  )
}

/** When tokens of both kinds were used, and how another takes their place. */
const tokenLivesSuite = (on: OnStorage) => {
  const DAY = 86_400_000
  const next = (name: string, overlap = DAY) => ({
    hash: hashOf(name),
    createdAt: NOW + 5,
    until: NOW + overlap
  })

  it.effect(
    "a token that is rotated has one of the same tenant and label beside it until it ends",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const [old] = yield* storage.listTokens
        const version = yield* storage.tokenVersion
        const done = Option.getOrThrow(yield* storage.rotateToken(old!.id, next("second")))
        expect(done.expiresAt).toBe(NOW + DAY)
        expect(done.made).toEqual({
          ...{ id: done.made.id, tenant: "t", label: old!.label, createdAt: NOW + 5 },
          ...{ lastUsedAt: null, replacedAt: null, expiresAt: null }
        })
        expect(yield* storage.listTokens).toEqual([
          { ...old!, replacedAt: NOW + 5, expiresAt: NOW + DAY },
          { ...done.made, ewsUrls: old!.ewsUrls }
        ])
        expect(yield* storage.tokenVersion).not.toBe(version)
        const directory = (yield* storage.tokenDirectory).toSorted(
          (one, other) => (other.expiresAt ?? 0) - (one.expiresAt ?? 0)
        )
        expect(directory.map(({ expiresAt, id, tenant: { tenant } }) => [id, tenant, expiresAt])).toEqual([
          [old!.id, tenant, NOW + DAY],
          [done.made.id, tenant, null]
        ])
        expect(directory.map(({ hash }) => Buffer.from(hash))).toEqual(
          [hashOf("token of t"), hashOf("second")].map((hash) => Buffer.from(hash))
        )
      })
    )
  )

  it.effect(
    "an end is never put off, its change is noticed, and what has ended is not rotated",
    on((storage) =>
      Effect.gen(function* () {
        const first = yield* Effect.zipRight(addTenant("t"), storage.listTokens)
        const id = first[0]!.id
        yield* storage.rotateToken(id, next("second"))
        const again = { ...next("third", 2 * DAY), createdAt: NOW + 6 }
        const later = Option.getOrThrow(yield* storage.rotateToken(id, again))
        expect(later.expiresAt).toBe(NOW + DAY)
        const version = yield* storage.tokenVersion
        const sooner = Option.getOrThrow(yield* storage.rotateToken(id, next("fourth", 2_000)))
        expect(sooner.expiresAt).toBe(NOW + 2_000)
        expect((yield* storage.listTokens)[0]!.replacedAt).toBe(NOW + 5)
        // As many tokens as before, and none that is newer.
        yield* storage.revokeToken(sooner.made.id)
        expect(yield* storage.tokenVersion).not.toBe(version)
        const before = yield* storage.listTokens
        const tooLate = { ...next("fifth"), createdAt: NOW + 2_000 }
        expect(yield* storage.rotateToken(id, tooLate)).toEqual(Option.none())
        expect(yield* storage.rotateToken("9999", next("fifth"))).toEqual(Option.none())
        expect(yield* storage.rotateToken("1; DROP TABLE users", next("fifth"))).toEqual(Option.none())
        // A token that somebody has already is no new one: nothing is done.
        expect(Exit.isFailure(yield* Effect.exit(storage.rotateToken(id, next("second", 1_000))))).toBe(true)
        expect(yield* storage.listTokens).toEqual(before)
      })
    )
  )

  it.effect(
    "of two that rotate a token at once the sooner end holds, and both have their new one",
    on((storage) =>
      Effect.gen(function* () {
        yield* Effect.forEach(
          Array.from({ length: 8 }, (_, n) => `tenant ${n}`),
          addTenant
        )
        const all = yield* storage.listTokens
        yield* Effect.forEach(
          all.flatMap(({ id }, n) => [
            storage.rotateToken(id, next(`sooner ${n}`, 2_000)),
            storage.rotateToken(id, next(`later ${n}`, DAY))
          ]),
          (rotation) => Effect.map(rotation, Option.getOrThrow),
          { concurrency: "unbounded" }
        )
        const after = yield* storage.listTokens
        expect(after).toHaveLength(24)
        const ends = after.filter(({ id }) => all.some((token) => token.id === id))
        expect(new Set(ends.map(({ expiresAt }) => expiresAt))).toEqual(new Set([NOW + 2_000]))
      })
    )
  )

  it.effect(
    "tokens remember when they were used last, whatever order it is told in",
    on((storage) =>
      Effect.gen(function* () {
        yield* addTenant("t")
        yield* addTenant("u")
        const [one, two] = yield* storage.listTokens
        yield* storage.noteTokenUses([])
        yield* storage.noteTokenUses([
          { id: one!.id, at: NOW + 7 },
          { id: "9999", at: NOW },
          { id: "rubbish", at: NOW }
        ])
        yield* storage.noteTokenUses([
          { id: one!.id, at: NOW },
          { id: two!.id, at: NOW + 1 }
        ])
        expect((yield* storage.listTokens).map(({ lastUsedAt }) => lastUsedAt)).toEqual([NOW + 7, NOW + 1])
        const admin = yield* storage.createAdminToken({ label: "a", hash: hashOf("a"), createdAt: NOW })
        yield* storage.noteAdminTokenUses([{ id: admin.id, at: NOW + 3 }])
        yield* storage.noteAdminTokenUses([{ id: admin.id, at: NOW + 2 }])
        expect(yield* storage.listAdminTokens).toEqual([{ ...admin, lastUsedAt: NOW + 3 }])
      })
    )
  )

  it.effect(
    "admin tokens are rotated likewise, and what has ended long ago goes",
    on((storage) =>
      Effect.gen(function* () {
        yield* addTenant("t")
        const [phones] = yield* storage.listTokens
        yield* storage.rotateToken(phones!.id, next("second"))
        const admin = yield* storage.createAdminToken({ label: "a", hash: hashOf("a"), createdAt: NOW })
        const done = Option.getOrThrow(yield* storage.rotateAdminToken(admin.id, next("b", 1_000)))
        const life = { lastUsedAt: null, replacedAt: null, expiresAt: null }
        expect(done).toEqual({
          made: { id: done.made.id, label: "a", createdAt: NOW + 5, ...life },
          expiresAt: NOW + 1_000
        })
        expect(yield* storage.listAdminTokens).toEqual([
          { ...admin, replacedAt: NOW + 5, expiresAt: NOW + 1_000 },
          done.made
        ])
        expect(Option.getOrThrow(yield* storage.adminTokenOf(hashOf("a"))).expiresAt).toBe(NOW + 1_000)
        const ends = (yield* storage.adminTokenHashes).map(({ expiresAt }) => expiresAt)
        expect(new Set(ends)).toEqual(new Set([NOW + 1_000, null]))
        const again = { ...next("c"), createdAt: NOW + 1_000 }
        expect(yield* storage.rotateAdminToken(admin.id, again)).toEqual(Option.none())
        expect(yield* storage.dropEndedTokens(NOW + 1_000)).toBe(0)
        expect(yield* storage.dropEndedTokens(NOW + 1_001)).toBe(1)
        expect(yield* storage.listAdminTokens).toEqual([done.made])
        expect(yield* storage.listTokens).toHaveLength(2)
        expect(yield* storage.dropEndedTokens(NOW + DAY + 1)).toBe(1)
        expect((yield* storage.listTokens).map(({ expiresAt }) => expiresAt)).toEqual([null])
      })
    )
  )
}

const poolSuite = (on: OnStorage) => {
  it.effect(
    "hands out each pool key once, however many ask at the same time",
    on((storage) =>
      Effect.gen(function* () {
        expect(yield* storage.takePoolKey).toEqual(Option.none())
        yield* storage.addPoolKeys([])
        yield* storage.addPoolKeys(Array.from({ length: 40 }, (_, index) => bytes(`key ${index}`, 1246)))
        expect(yield* storage.countPoolKeys).toBe(40)
        const taken = yield* Effect.replicateEffect(storage.takePoolKey, 60).pipe(
          Effect.map((all) => all.flatMap(Option.toArray).map((key) => Buffer.from(key).toString("hex")))
        )
        expect(new Set(taken).size).toBe(40)
        expect(taken).toHaveLength(40)
        expect(yield* storage.countPoolKeys).toBe(0)

        yield* storage.addPoolKeys(Array.from({ length: 40 }, (_, index) => bytes(`more ${index}`, 1246)))
        const atOnce = yield* Effect.all(
          Array.from({ length: 60 }, () => storage.takePoolKey),
          { concurrency: "unbounded" }
        )
        const keys = atOnce.flatMap(Option.toArray).map((key) => Buffer.from(key).toString("hex"))
        expect(keys).toHaveLength(40)
        expect(new Set(keys).size).toBe(40)
      })
    )
  )
}

const usersSuite = (on: OnStorage) => {
  it.effect(
    "makes a user with keys and finds it by number and by tenant and id",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const userId = userIdOfAddress("anna@example.com")
        const keys = { ...keysOf("anna"), callbackKey: bytes("callback", 1246) }
        const user = yield* storage.createUser({ tenant, userId, keys, createdAt: NOW })
        expect(user).toEqual({
          user: user.user,
          tenant,
          userId,
          createdAt: NOW,
          refused: 0,
          fingerprint: null,
          sealKeyMadeAt: NOW,
          registrationKeyMadeAt: NOW,
          ...keys
        })
        expect(user.user).toMatch(/^[1-9][0-9]*$/)
        expect(yield* storage.user(user.user)).toEqual(Option.some(user))
        expect(yield* storage.findUser(tenant, userId)).toEqual(Option.some(user))
        expect(yield* storage.findUser(tenant, userIdOfAddress("bert@example.com"))).toEqual(Option.none())
      })
    )
  )

  it.effect(
    "the same address in two tenants is two users",
    on((storage) =>
      Effect.gen(function* () {
        const [one, two] = [yield* addTenant("one"), yield* addTenant("two")]
        const [first, second] = [yield* addUser(one, "anna"), yield* addUser(two, "anna")]
        expect(second.user).not.toBe(first.user)
        expect(yield* storage.findUser(two, first.userId)).toEqual(Option.some(second))
      })
    )
  )

  it.effect(
    "fifty requests at once for one new user make one user with the keys of one of them",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const userId = userIdOfAddress("anna@example.com")
        const made = yield* Effect.forEach(
          Array.from({ length: 50 }, (_, index) => keysOf(`try ${index}`)),
          (keys) => storage.createUser({ tenant, userId, keys, createdAt: NOW }),
          { concurrency: "unbounded" }
        )
        const stored = yield* Effect.flatten(storage.findUser(tenant, userId))
        for (const user of made) expect(user).toEqual(stored)
      })
    )
  )

  it.effect(
    "a user of no tenant is refused",
    on((storage) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(addUser(7 as TenantNumber, "anna"))
        expect(error).toMatchObject({ _tag: "StorageError", operation: "createUser", transient: false })
        expect(yield* storage.findUser(7 as TenantNumber, userIdOfAddress("anna@example.com"))).toEqual(
          Option.none()
        )
      })
    )
  )

  it.effect(
    "keeps the first callback key",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        const keys = yield* Effect.forEach(
          Array.from({ length: 10 }, (_, index) => bytes(`key ${index}`, 1246)),
          (key) => storage.setCallbackKey(user, key),
          { concurrency: "unbounded" }
        )
        const stored = yield* Effect.flatten(storage.user(user))
        for (const key of keys) expect(key).toEqual(stored.callbackKey)
      })
    )
  )

  it.effect(
    "a dossier is user, subscription and devices as they are read one by one, without what is big or written behind",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const [anna, bert] = [yield* addSubscriber(tenant, "anna"), yield* addSubscriber(tenant, "bert")]
        const { user: cleo } = yield* addUser(tenant, "cleo")
        for (const token of ["b", "a"]) yield* storage.saveDevice(anna, newDevice(token))
        yield* storage.saveEndpoint(anna, "a", { arn: "arn:a", registeredAt: NOW })
        yield* storage.setCallbackKey(anna, bytes("callback", 1246))
        yield* storage.saveRefused(anna, generation(7))
        const [last] = yield* storage.devices(bert)
        yield* storage.deleteDevice(bert, last!)
        for (const user of [anna, bert, cleo]) {
          const {
            registrationKey: _,
            registrationKeyMadeAt: ___,
            ...lean
          } = yield* Effect.flatten(storage.user(user))
          const subscription = Option.getOrUndefined(yield* storage.subscription(user))
          const { hot: __, sealKeyMadeAt: ____, ...lasting } = subscription ?? { hot: 0, sealKeyMadeAt: 0 }
          expect(yield* Effect.flatten(storage.dossier(user))).toStrictEqual({
            user: lean,
            subscription: subscription && lasting,
            devices: yield* storage.devices(user)
          })
        }
        expect(yield* storage.dossier(userNumber("77"))).toEqual(Option.none())
      })
    )
  )

  it.effect(
    "a new seal key drops callback key and partials, and nothing else",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const [anna, bert] = [yield* addSubscriber(tenant, "anna"), yield* addSubscriber(tenant, "bert")]
        for (const user of [anna, bert]) {
          yield* storage.setCallbackKey(user, bytes("callback", 1246))
          yield* storage.savePartial(user, generation(1), bytes("partial", 100))
        }
        const before = yield* Effect.flatten(storage.user(anna))
        yield* storage.saveLinks([
          { user: anna, generation: generation(1), link: "Lost", linkSince: NOW, nudges: 17 }
        ])
        const subscription = yield* storage.subscription(anna)
        expect(yield* storage.retireKeys(anna, bytes("new", 60))).toBe(true)
        expect(yield* Effect.flatten(storage.user(anna))).toEqual({
          ...before,
          sealKey: bytes("new", 60),
          callbackKey: null
        })
        expect(yield* storage.partial(anna, generation(1))).toEqual(Option.none())
        expect(yield* storage.subscription(anna)).toEqual(subscription)
        expect((yield* Effect.flatten(storage.user(bert))).callbackKey).toEqual(bytes("callback", 1246))
        expect(yield* storage.partial(bert, generation(1))).toEqual(Option.some(bytes("partial", 100)))
      })
    )
  )

  it.effect(
    "keys are not retired under a subscription that has been renewed",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        yield* storage.savePartial(user, generation(1), bytes("partial", 100))
        const before = yield* storage.user(user)
        for (const link of ["Unconfirmed", "Active"] as const) {
          yield* storage.saveLinks([{ user, generation: generation(1), link, linkSince: NOW, nudges: 0 }])
          expect(yield* storage.retireKeys(user, bytes("new", 60))).toBe(false)
        }
        expect(yield* storage.user(user)).toEqual(before)
        expect(yield* storage.partial(user, generation(1))).toEqual(Option.some(bytes("partial", 100)))
        expect(yield* storage.retireKeys(userNumber("77"), bytes("new", 60))).toBe(false)
      })
    )
  )

  it.effect(
    "a user goes with the last device, and stays while there is one",
    on((storage) =>
      Effect.gen(function* () {
        const user = yield* addSubscriber(yield* addTenant("t"), "anna")
        expect(yield* storage.deleteUserWithoutDevices(user)).toBe(false)
        const [phone] = yield* storage.devices(user)
        if (phone === undefined) throw new Error("a subscriber has a phone")
        yield* storage.deleteDevice(user, phone)
        expect(yield* storage.deleteUserWithoutDevices(user)).toBe(true)
        expect(yield* storage.user(user)).toEqual(Option.none())
        expect(yield* storage.subscription(user)).toEqual(Option.none())
        expect(yield* storage.deleteUserWithoutDevices(user)).toBe(true)
      })
    )
  )

  it.effect(
    "does not change with the caller's buffers",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const userId = userIdOfAddress("anna@example.com")
        const keys = keysOf("anna")
        const { user } = yield* storage.createUser({ tenant, userId, keys, createdAt: NOW })
        const given = yield* Effect.flatten(storage.user(user))
        keys.sealKey.fill(0)
        given.registrationKey.fill(0)
        expect(yield* Effect.flatten(storage.user(user))).toMatchObject(keysOf("anna"))
      })
    )
  )

  it.effect(
    "a deleted user takes everything along, and its number never comes back",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const user = yield* addSubscriber(tenant, "anna")
        const other = yield* addSubscriber(tenant, "bert")
        yield* storage.setCallbackKey(user, bytes("callback", 1246))
        yield* storage.savePartial(user, generation(1), bytes("partial", 4096))
        yield* storage.addOutbox([mail(user, "a"), mail(other, "b")])
        yield* storage.addDeadLetter({ user, digest: "d", reason: "r", at: NOW })
        yield* storage.deleteUser(user)
        yield* storage.deleteUser(user)

        expect(yield* storage.user(user)).toEqual(Option.none())
        expect(yield* storage.findUser(tenant, userIdOfAddress("anna@example.com"))).toEqual(Option.none())
        expect(yield* storage.subscription(user)).toEqual(Option.none())
        expect(yield* storage.partial(user, generation(1))).toEqual(Option.none())
        expect(yield* storage.devices(user)).toEqual([])
        expect(yield* storage.outboxOf(user, 10)).toEqual([])
        expect(yield* storage.deadLetters(user)).toEqual([])
        expect(yield* storage.outboxSize).toEqual({ entries: 1, oldest: NOW })
        expect(Option.isSome(yield* storage.subscription(other))).toBe(true)

        yield* storage.deleteUser(other)
        const again = yield* addUser(tenant, "bert")
        expect(Number(again.user)).toBeGreaterThan(Number(other))
      })
    )
  )

  it.effect(
    "forgets users who never registered, and only those made before",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        const registered = yield* addSubscriber(tenant, "anna")
        const old = yield* addUser(tenant, "bert", NOW - 2)
        const young = yield* addUser(tenant, "cleo", NOW)
        expect(yield* storage.forgetUnregistered(NOW)).toBe(1)
        expect(yield* storage.forgetUnregistered(NOW)).toBe(0)
        expect(yield* storage.user(old.user)).toEqual(Option.none())
        expect(Option.isSome(yield* storage.user(young.user))).toBe(true)
        expect(Option.isSome(yield* storage.user(registered))).toBe(true)
        expect(yield* storage.forgetUnregistered(NOW + 1)).toBe(1)
      })
    )
  )
}

const deadLettersSuite = (on: OnStorage) => {
  it.effect(
    "keeps the newest fifty dead letters of a user, in order",
    on((storage) =>
      Effect.gen(function* () {
        const { user } = yield* addUser(yield* addTenant("t"), "anna")
        for (let at = 1; at <= 53; at++)
          yield* storage.addDeadLetter({ user, digest: `digest ${at}`, reason: "Größe", at })
        const letters = yield* storage.deadLetters(user)
        expect(letters.map(({ at }) => at)).toEqual(Array.from({ length: 50 }, (_, index) => index + 4))
        expect(letters[0]).toEqual({ digest: "digest 4", reason: "Größe", at: 4 })
        yield* storage.deleteUser(user)
        const late = yield* Effect.exit(storage.addDeadLetter({ user, digest: "d", reason: "r", at: 1 }))
        expect(Exit.isFailure(late)).toBe(true)
      })
    )
  )
}
