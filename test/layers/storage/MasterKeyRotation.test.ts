import { randomBytes } from "node:crypto"
import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Layer, Option } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import type { MasterKey } from "../../../layers/crypto/MasterKey.ts"
import { firstRing, SERVICE_KEYS, unwrapRing, wrapRing } from "../../../layers/crypto/ServiceKeyRing.ts"
import { keyContext, POOL_CONTEXT } from "../../../layers/crypto/UserKeyring.ts"
import * as MasterKeyRotation from "../../../layers/storage/MasterKeyRotation.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { findRotation, KEY_CHECK } from "../../../layers/storage/RotationState.ts"
import { Storage, type WrappedKey } from "../../../layers/storage/Storage.ts"
import { userIdOfAddress } from "../../../schemas/Ids.ts"
import { StorageError } from "../../../schemas/StorageError.ts"
import { addTenant } from "./Samples.ts"

type Master = MasterKey["Type"]
const made = () => LocalMasterKey.make(randomBytes(32))

/** A database with keys of every kind, `users` of each. */
const fill = Effect.fnUntraced(function* (master: Master, users: number) {
  const storage = yield* Storage
  yield* storage.meta(KEY_CHECK, master.checkValue)
  yield* storage.meta(SERVICE_KEYS, wrapRing(master, firstRing(master)))
  const tenant = yield* addTenant("default")
  yield* storage.addPoolKeys(
    Array.from({ length: users }, (_, at) => master.wrap(Buffer.from(`pool ${at}`), POOL_CONTEXT))
  )
  for (let at = 0; at < users; at++) {
    const owner = { tenant, userId: userIdOfAddress(`user${at}@example.com`) }
    const wrap = (kind: "seal" | "registration" | "callback", text: string) =>
      master.wrap(Buffer.from(`${text} of ${at}`), keyContext(kind, owner))
    const keys = {
      sealKey: wrap("seal", "seal 1"),
      registrationKey: wrap("registration", "registration 1"),
      callbackKey: null
    }
    const { user } = yield* storage.createUser({ ...owner, keys, createdAt: 1 })
    yield* storage.setCallbackKey(user, wrap("callback", "callback 1"))
    yield* storage.replaceSealKey(user, wrap("seal", "seal 2"), 2)
    yield* storage.replaceRegistrationKey(user, wrap("registration", "registration 2"), 2, 2)
    yield* storage.setCallbackKey(user, wrap("callback", "callback 2"))
  }
})

const allKeys = Effect.gen(function* () {
  const storage = yield* Storage
  const found: Array<WrappedKey> = []
  for (const place of MasterKeyRotation.PLACES)
    found.push(...(yield* storage.wrappedKeys(place, undefined, 10_000)))
  return found
})

/** The plain texts of all keys that this master key opens. */
const openedBy = (master: Master) =>
  Effect.gen(function* () {
    const texts: Array<string> = []
    for (const { kind, owner, wrapped } of yield* allKeys) {
      const context = owner === undefined || kind === "pool" ? POOL_CONTEXT : keyContext(kind, owner)
      const plain = yield* Effect.option(master.unwrap(wrapped, context))
      if (Option.isSome(plain)) texts.push(plain.value.toString())
    }
    return texts
  })

/** What `ens secret rotate` does in the database, begun or gone on with. */
const rotate = (keys: MasterKeyRotation.KeyPair) =>
  Effect.gen(function* () {
    const state = yield* Effect.flatMap(
      findRotation(yield* Storage),
      Option.match({
        onNone: () => MasterKeyRotation.begin(keys, 7),
        onSome: Effect.succeed
      })
    )
    if (state.step === "keys") {
      // Several pages of each place, so that one is left half done.
      yield* MasterKeyRotation.rewrap(keys, undefined, 2)
      yield* MasterKeyRotation.settle(keys, state, 8)
    }
    yield* MasterKeyRotation.finish
  })

/** Storage that dies before or after its nth writing call, as a process that is killed does. */
const dyingAt = (storage: Storage["Type"], nth: number, when: "before" | "after") => {
  let calls = 0
  const dead = Effect.fail(new StorageError({ operation: "killed", transient: false, cause: "test" }))
  const dying = <A>(call: Effect.Effect<A, StorageError>) =>
    Effect.suspend(() => {
      calls += 1
      if (calls > nth) return dead
      return calls < nth ? call : when === "before" ? dead : Effect.zipRight(call, dead)
    })
  return {
    calls: () => calls,
    storage: {
      ...storage,
      changeMeta: (change) => dying(storage.changeMeta(change)),
      rewrapKeys: (place, batch) => dying(storage.rewrapKeys(place, batch))
    } satisfies Storage["Type"]
  }
}

const onEmpty = <A, E>(effect: Effect.Effect<A, E, Storage>) =>
  Effect.provide(effect, Layer.fresh(MemoryStorage.layer))

const USERS = 3

describe("a rotation of the master key", () => {
  it.effect("leaves every key as it was, under the new master key and none under the old", () =>
    onEmpty(
      Effect.gen(function* () {
        const [from, to] = [made(), made()]
        yield* fill(from, 3)
        const before = yield* openedBy(from)
        expect(before).toHaveLength(3 * (1 + 3 + 3))
        const counts = yield* MasterKeyRotation.rewrap({ from, to })
        expect(counts).toEqual({ pool: 3, seal: 3, registration: 3, callback: 3, former: 9, unreadable: 0 })
        expect(yield* openedBy(to)).toEqual(before)
        expect(yield* openedBy(from)).toEqual([])
        // Again: nothing is left to be done, and nothing is undone.
        expect(yield* MasterKeyRotation.rewrap({ from, to })).toEqual(counts)
        expect(yield* openedBy(to)).toEqual(before)
      })
    )
  )

  it.effect("takes the service's keys along, and signs with a new one", () =>
    onEmpty(
      Effect.gen(function* () {
        const [from, to] = [made(), made()]
        yield* fill(from, 1)
        yield* rotate({ from, to })
        const storage = yield* Storage
        const wrapped = yield* Effect.flatten(storage.findMeta(SERVICE_KEYS))
        assert.isTrue(Option.isNone(yield* Effect.option(unwrapRing(from, wrapped))))
        const ring = yield* unwrapRing(to, wrapped)
        const [old] = firstRing(from).callbackMac
        expect(ring.fingerprint).toEqual(Uint8Array.from(firstRing(from).fingerprint))
        expect(ring.callbackMac).toHaveLength(2)
        expect(ring.callbackMac[0].madeAt).toBe(8)
        expect(ring.callbackMac[1]?.id).toEqual(old.id)
        expect(ring.callbackMac[1]?.key).toEqual(Uint8Array.from(old.key))
        expect(Uint8Array.from(yield* Effect.flatten(storage.findMeta(KEY_CHECK)))).toEqual(
          Uint8Array.from(to.checkValue)
        )
      })
    )
  )

  it.effect("of a database that no version with service keys ever opened derives them from the old key", () =>
    onEmpty(
      Effect.gen(function* () {
        const [from, to] = [made(), made()]
        const storage = yield* Storage
        yield* storage.meta(KEY_CHECK, from.checkValue)
        yield* rotate({ from, to })
        const ring = yield* unwrapRing(to, yield* Effect.flatten(storage.findMeta(SERVICE_KEYS)))
        expect(ring.callbackMac[1]?.key).toEqual(Uint8Array.from(firstRing(from).callbackMac[0].key))
        expect(ring.fingerprint).toEqual(Uint8Array.from(firstRing(from).fingerprint))
      })
    )
  )

  it.effect("that is killed before or after any of its steps is gone on with to its end", () =>
    Effect.gen(function* () {
      const steps = yield* onEmpty(
        Effect.gen(function* () {
          const keys = { from: made(), to: made() }
          yield* fill(keys.from, USERS)
          const whole = dyingAt(yield* Storage, Number.POSITIVE_INFINITY, "after")
          yield* Effect.provideService(rotate(keys), Storage, whole.storage)
          return whole.calls()
        })
      )
      // To begin, to settle and to finish; two pages of four places; five of former keys.
      expect(steps).toBe(3 + 2 * 4 + 5)
      for (const when of ["before", "after"] as const) {
        for (let nth = 1; nth <= steps; nth++)
          yield* onEmpty(killedAt(nth, when, when === "after" && nth === steps))
      }
    })
  )

  const killedAt = Effect.fnUntraced(function* (nth: number, when: "before" | "after", isOver: boolean) {
    const keys = { from: made(), to: made() }
    yield* fill(keys.from, USERS)
    const before = yield* openedBy(keys.from)
    const storage = yield* Storage
    const { storage: mortal } = dyingAt(storage, nth, when)
    expect(yield* Effect.flip(Effect.provideService(rotate(keys), Storage, mortal))).toMatchObject({
      operation: "killed"
    })
    // At no moment is a key lost to both.
    const halves = [...(yield* openedBy(keys.from)), ...(yield* openedBy(keys.to))]
    expect(halves.sort()).toEqual([...before].sort())
    if (!isOver) yield* rotate(keys)
    yield* isRotated(keys, before)
  })

  it.effect("that is killed again and again comes to its end", () =>
    onEmpty(
      Effect.gen(function* () {
        const keys = { from: made(), to: made() }
        yield* fill(keys.from, USERS)
        const before = yield* openedBy(keys.from)
        const storage = yield* Storage
        let runs = 0
        for (let ended = false; !ended; runs++) {
          const run = rotate(keys).pipe(Effect.provideService(Storage, dyingAt(storage, 2, "after").storage))
          yield* Effect.exit(run)
          ended = Option.isNone(yield* findRotation(storage))
          expect(runs).toBeLessThan(50)
        }
        expect(runs).toBeGreaterThan(5)
        yield* isRotated(keys, before)
      })
    )
  )

  const isRotated = Effect.fnUntraced(function* (
    { from, to }: MasterKeyRotation.KeyPair,
    before: ReadonlyArray<string>
  ) {
    const storage = yield* Storage
    assert.isTrue(Option.isNone(yield* findRotation(storage)))
    expect(yield* openedBy(to)).toEqual(before)
    expect(yield* openedBy(from)).toEqual([])
    const wrapped = yield* Effect.flatten(storage.findMeta(SERVICE_KEYS))
    expect((yield* unwrapRing(to, wrapped)).callbackMac).toHaveLength(2)
  })

  it.effect.prop(
    "counts what neither key opens, and leaves it as it is",
    [fc.uint8Array({ maxLength: 80 })],
    ([rubbish]) =>
      onEmpty(
        Effect.gen(function* () {
          const [from, to] = [made(), made()]
          const storage = yield* Storage
          yield* storage.addPoolKeys([rubbish, from.wrap(Buffer.from("key"), POOL_CONTEXT)])
          expect(yield* MasterKeyRotation.rewrap({ from, to })).toMatchObject({ pool: 1, unreadable: 1 })
          expect((yield* allKeys)[0]?.wrapped).toEqual(rubbish)
          expect(yield* openedBy(to)).toEqual(["key"])
        })
      ),
    { fastCheck: { numRuns: 20 } }
  )
})
