import { expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { KeyPlace, WrappedKey } from "../../../layers/storage/Storage.ts"
import { addTenant, addUser, bytes, hashOf, keysOf, NOW } from "./Samples.ts"
import type { OnStorage } from "./StorageSuite.ts"

/** What is about the database as a whole and not about one user. */
export const wholeDatabaseSuite = (on: OnStorage) => {
  it.effect(
    "changes several values in one step",
    on((storage) =>
      Effect.gen(function* () {
        yield* storage.meta("old", bytes("old", 16))
        yield* storage.meta("kept", bytes("kept", 16))
        yield* storage.meta("changed", bytes("before", 16))
        yield* storage.changeMeta({
          put: { changed: bytes("after", 4096), "größe 日": bytes("new", 1) },
          drop: ["old", "never there"]
        })
        expect(yield* storage.findMeta("old")).toEqual(Option.none())
        expect(yield* storage.findMeta("kept")).toEqual(Option.some(bytes("kept", 16)))
        expect(yield* storage.findMeta("changed")).toEqual(Option.some(bytes("after", 4096)))
        expect(yield* storage.findMeta("größe 日")).toEqual(Option.some(bytes("new", 1)))
        expect(yield* storage.findMeta("GRÖSSE 日")).toEqual(Option.none())
        expect(yield* storage.findMeta("Kept")).toEqual(Option.none())
      })
    )
  )

  it.effect(
    "fifty that store a value at once all learn the one that is stored",
    on((storage) =>
      Effect.gen(function* () {
        const values = Array.from({ length: 50 }, (_, index) => bytes(`value ${index}`, 16))
        const told = yield* Effect.forEach(values, (value) => storage.meta("name", value), {
          concurrency: "unbounded"
        })
        const [stored] = Option.toArray(yield* storage.findMeta("name"))
        for (const value of told) expect(value).toEqual(stored)
        yield* Effect.replicateEffect(storage.ping, 50, { concurrency: "unbounded" })
      })
    )
  )

  it.effect(
    "lists what every token proves, and tells when that has changed",
    on((storage) =>
      Effect.gen(function* () {
        const versions = [yield* storage.tokenVersion]
        const note = Effect.map(storage.tokenVersion, (version) => versions.push(version))
        expect(yield* storage.tokenDirectory).toEqual([])
        const tenant = yield* addTenant("t")
        yield* note
        yield* addTenant("u")
        yield* note
        const directory = yield* storage.tokenDirectory
        expect(directory).toHaveLength(2)
        expect(directory.find(({ hash }) => Buffer.from(hash).equals(hashOf("token of t")))?.tenant).toEqual(
          yield* Effect.flatten(storage.tenant(tenant))
        )
        const [first] = yield* storage.listTokens
        yield* storage.revokeToken(first!.id)
        yield* note
        expect(new Set(versions).size).toBe(4)
        expect(yield* storage.tokenVersion).toBe(versions.at(-1))
        expect(yield* storage.tokenDirectory).toHaveLength(1)
      })
    )
  )

  it.effect(
    "walks through every wrapped key, and wraps anew what is as it was read",
    on((storage) =>
      Effect.gen(function* () {
        const tenant = yield* addTenant("t")
        yield* storage.addPoolKeys([bytes("pool 1", 1246), bytes("pool 2", 1246)])
        const users = yield* Effect.forEach(["anna", "bert", "cleo"], (name) => addUser(tenant, name))
        for (const { user } of users) {
          yield* storage.setCallbackKey(user, bytes(`callback ${user}`, 1246))
          yield* storage.replaceSealKey(user, bytes(`new ${user}`, 60), NOW + 1)
        }
        const all = (place: KeyPlace) =>
          Effect.gen(function* () {
            const found: Array<WrappedKey> = []
            for (let page = 0; page < 20; page++) {
              const next = yield* storage.wrappedKeys(place, found.at(-1)?.key, 2)
              found.push(...next)
              if (next.length === 0) break
            }
            return found
          })
        const kinds = (keys: ReadonlyArray<WrappedKey>) => keys.map(({ kind }) => kind)
        expect(kinds(yield* all("pool"))).toEqual(["pool", "pool"])
        expect(kinds(yield* all("registration"))).toEqual(Array(3).fill("registration"))
        expect(kinds(yield* all("callback"))).toEqual([])
        expect(kinds(yield* all("former")).sort()).toEqual([
          ...Array(3).fill("callback"),
          ...Array(3).fill("seal")
        ])
        const seals = yield* all("seal")
        expect(seals.map(({ owner }) => owner)).toEqual(users.map(({ userId }) => ({ tenant, userId })))

        const [first, second] = seals
        yield* storage.rewrapKeys("seal", [
          { key: first!.key, from: first!.wrapped, to: bytes("anew", 60) },
          { key: second!.key, from: bytes("something else", 60), to: bytes("never", 60) },
          { key: "999999", from: first!.wrapped, to: bytes("never", 60) }
        ])
        expect((yield* all("seal")).map(({ wrapped }) => wrapped)).toEqual([
          bytes("anew", 60),
          ...seals.slice(1).map(({ wrapped }) => wrapped)
        ])
        for (const place of ["pool", "registration", "former"] as const) {
          const keys = yield* all(place)
          yield* storage.rewrapKeys(
            place,
            keys.map(({ key, wrapped }) => ({ key, from: wrapped, to: bytes(`${place} ${key}`, 99) }))
          )
          expect((yield* all(place)).map(({ wrapped }) => wrapped)).toEqual(
            keys.map(({ key }) => bytes(`${place} ${key}`, 99))
          )
        }
        expect((yield* Effect.flatten(storage.user(users[2]!.user))).registrationKey).not.toEqual(
          keysOf("cleo").registrationKey
        )
      })
    )
  )
}
