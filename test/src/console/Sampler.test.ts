import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Metric, TestClock } from "effect"
import { Subscriptions } from "../../../actors/Subscriptions.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import * as Sampler from "../../../src/console/Sampler.ts"
import { layerFaulty, StorageFaults } from "../../support/FaultyStorage.ts"

const callbacks = Metric.counter("ens_callbacks_total", {
  description: "Callbacks of Exchange by what became of them",
  incremental: true
})

const subscriptions = Layer.mock(Subscriptions, {
  post: () => {},
  loaded: () => true,
  count: Effect.succeed(7)
})
const layer = Sampler.layer.pipe(
  Layer.provideMerge(Layer.merge(subscriptions, layerFaulty(MemoryStorage.layer)))
)

describe("The sampler", () => {
  it.scoped("tells rates of the last ten seconds, and leaves a hole where storage is away", () =>
    Effect.gen(function* () {
      const { rates, series } = yield* Sampler.Sampler
      yield* Metric.update(Metric.tagged(callbacks, "outcome", "ok"), 30)
      yield* Metric.update(Metric.tagged(callbacks, "outcome", "late"), 20)
      yield* TestClock.adjust("10 seconds")
      expect((yield* rates).callbacks).toBe(5)
      const faults = yield* StorageFaults
      faults.down(true)
      yield* TestClock.adjust("10 seconds")
      expect((yield* rates).callbacks).toBe(0)
      const { at, lines, step } = yield* series
      const values = (name: string) => lines.find((line) => line.name === name)?.values
      expect([step, at]).toEqual([10, [10_000, 20_000]])
      expect(values("callbacks")).toEqual([5, 0])
      expect(values("outboxOldest")).toEqual([0, null])
      expect(values("subscriptions")).toEqual([7, 7])
    }).pipe(Effect.provide(layer))
  )
})
