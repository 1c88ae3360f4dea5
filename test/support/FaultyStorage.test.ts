import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, TestClock } from "effect"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { layerFaulty, StorageFaults } from "./FaultyStorage.ts"

const faulty = Effect.provide(layerFaulty(Layer.fresh(MemoryStorage.layer)))
const key = new Uint8Array([1])

it.effect("fails as often as told, does nothing then, and counts every call", () =>
  Effect.gen(function* () {
    const [storage, faults] = [yield* Storage, yield* StorageFaults]
    faults.failNext("addPoolKeys", 2)
    const add = storage.addPoolKeys([key])
    for (const _ of [1, 2])
      expect(yield* Effect.flip(add)).toMatchObject({ operation: "addPoolKeys", transient: true })
    expect(yield* storage.countPoolKeys).toBe(0)
    yield* add
    expect(yield* storage.countPoolKeys).toBe(1)
    expect([faults.calls("addPoolKeys"), faults.calls("countPoolKeys"), faults.calls("ping")]).toEqual([
      3, 2, 0
    ])
    expect(faults.totalCalls()).toBe(5)
    expect(storage.location).toBe("memory")
  }).pipe(faulty)
)

it.effect("is down and up again", () =>
  Effect.gen(function* () {
    const [storage, faults] = [yield* Storage, yield* StorageFaults]
    faults.down(true)
    yield* Effect.flip(storage.ping)
    yield* Effect.flip(storage.meta("name", key))
    faults.down(false)
    yield* storage.ping
    expect(yield* storage.meta("name", new Uint8Array([2]))).toEqual(new Uint8Array([2]))
  }).pipe(faulty)
)

it.effect("takes its time by Effect's clock", () =>
  Effect.gen(function* () {
    const [storage, faults] = [yield* Storage, yield* StorageFaults]
    faults.delay(1000)
    const slow = yield* Effect.fork(storage.addPoolKeys([key]))
    yield* TestClock.adjust(999)
    faults.delay(0)
    expect(yield* storage.countPoolKeys).toBe(0)
    yield* TestClock.adjust(1)
    yield* Fiber.join(slow)
    expect(yield* storage.countPoolKeys).toBe(1)
  }).pipe(faulty)
)
