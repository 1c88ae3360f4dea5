import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, TestClock } from "effect"
import { limited } from "../../../layers/storage/LimitedStorage.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { NOW, userNumber } from "./Samples.ts"

const never = Effect.uninterruptible(Effect.never)

it.effect("a storage that never answers fails in time, also where it cannot be interrupted", () =>
  Effect.gen(function* () {
    const silent = { ...(yield* Storage), ping: never, deleteUser: () => never }
    const storage = limited(silent, 10_000)
    for (const call of [storage.ping, storage.deleteUser(userNumber("7"))]) {
      const failing = yield* Effect.fork(Effect.flip(call))
      yield* TestClock.adjust("10 seconds")
      expect(yield* Fiber.join(failing)).toMatchObject({ _tag: "StorageError", transient: true })
    }
  }).pipe(Effect.provide(MemoryStorage.layer))
)

it.effect("what answers in time is handed on, and what goes through everything has its time", () =>
  Effect.gen(function* () {
    const gate = yield* Deferred.make<number>()
    const storage = limited({ ...(yield* Storage), expireOutbox: () => Deferred.await(gate) }, 10_000)
    yield* storage.ping
    expect(yield* storage.outboxSize).toEqual({ entries: 0, oldest: null })
    expect(storage.location).not.toBe("")
    const long = yield* Effect.fork(storage.expireOutbox(NOW))
    yield* TestClock.adjust("1 hour")
    yield* Deferred.succeed(gate, 3)
    expect(yield* Fiber.join(long)).toBe(3)
  }).pipe(Effect.provide(MemoryStorage.layer))
)
