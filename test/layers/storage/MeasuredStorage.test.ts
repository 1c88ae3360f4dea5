import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, TestClock } from "effect"
import * as MeasuredStorage from "../../../layers/storage/MeasuredStorage.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import * as Prometheus from "../../../layers/telemetry/Prometheus.ts"
import { layerFaulty, StorageFaults } from "../../support/FaultyStorage.ts"
import { userNumber } from "./Samples.ts"
import { storageSuite } from "./StorageSuite.ts"

storageSuite("MeasuredStorage", MeasuredStorage.layer(MemoryStorage.layer))

/** A measured storage in memory, and the faults of what it measures. */
const make = Effect.gen(function* () {
  const below = yield* Layer.build(Layer.fresh(layerFaulty(MemoryStorage.layer)))
  const inner = Layer.succeed(Storage, Context.get(below, Storage))
  const storage = Context.get(yield* Layer.build(MeasuredStorage.layer(inner)), Storage)
  return { storage, faults: Context.get(below, StorageFaults) }
})

const figure = (name: string) =>
  Effect.map(Prometheus.scrape, (text) => {
    const line = text.split("\n").find((one) => one.startsWith(`${name} `))
    return line === undefined ? 0 : Number(line.slice(name.length + 1))
  })

describe("an operation", () => {
  it.scoped("is counted with its time, also when it fails", () =>
    Effect.gen(function* () {
      const { faults, storage } = yield* make
      const seconds = 'ens_storage_seconds_sum{operation="outboxOf"}'
      const count = 'ens_storage_seconds_count{operation="outboxOf"}'
      const failures = 'ens_storage_failures_total{operation="outboxOf"}'
      const before = [yield* figure(seconds), yield* figure(count), yield* figure(failures)]
      const ask = (takes: number) =>
        Effect.gen(function* () {
          faults.delay(takes)
          const asking = yield* Effect.fork(Effect.exit(storage.outboxOf(userNumber("1"), 10)))
          yield* TestClock.adjust(takes)
          return yield* Fiber.join(asking)
        })
      expect(Exit.isSuccess(yield* ask(200))).toBe(true)
      faults.failNext("outboxOf")
      expect(Exit.isFailure(yield* ask(300))).toBe(true)
      expect((yield* figure(seconds)) - before[0]!).toBeCloseTo(0.5)
      expect((yield* figure(count)) - before[1]!).toBe(2)
      expect((yield* figure(failures)) - before[2]!).toBe(1)
    })
  )

  it.scoped("that nobody waits for any more is not counted", () =>
    Effect.gen(function* () {
      const { faults, storage } = yield* make
      const count = 'ens_storage_seconds_count{operation="countPoolKeys"}'
      const before = yield* figure(count)
      faults.delay(1_000)
      const asking = yield* Effect.fork(storage.countPoolKeys)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(asking)
      expect(yield* figure(count)).toBe(before)
    })
  )
})

describe("whether storage is well", () => {
  it.scoped("is asked of it once a second, however often somebody wants to know", () =>
    Effect.gen(function* () {
      const { faults, storage } = yield* make
      for (let times = 0; times < 5; times++) yield* storage.ping
      expect(faults.calls("ping")).toBe(1)
      faults.down(true)
      yield* TestClock.adjust(1_000)
      for (let times = 0; times < 5; times++)
        expect(yield* Effect.flip(storage.ping)).toMatchObject({ operation: "ping" })
      expect(faults.calls("ping")).toBe(2)
      faults.down(false)
      yield* TestClock.adjust(1_000)
      yield* storage.ping
    })
  )

  it.scoped("is asked again when who asked did not wait for the answer", () =>
    Effect.gen(function* () {
      const { faults, storage } = yield* make
      faults.delay(5_000)
      const asking = yield* Effect.fork(storage.ping)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(asking)
      faults.delay(0)
      yield* storage.ping
      expect(faults.calls("ping")).toBe(2)
    })
  )
})
