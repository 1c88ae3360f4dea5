import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, TestClock } from "effect"
import * as MeasuredStorage from "../../../layers/storage/MeasuredStorage.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { Troubles } from "../../../layers/telemetry/Troubles.ts"
import * as TroublesLive from "../../../layers/telemetry/TroublesLive.ts"
import { layerFaulty, StorageFaults } from "../../support/FaultyStorage.ts"

const make = Effect.gen(function* () {
  const below = yield* Layer.build(Layer.fresh(layerFaulty(MemoryStorage.layer)))
  const inner = Layer.succeed(Storage, Context.get(below, Storage))
  const storage = Context.get(yield* Layer.build(MeasuredStorage.layer(inner)), Storage)
  /** What is reported once everybody has said what he has to say. */
  const troubles = Effect.flatMap(Troubles, ({ current }) =>
    Effect.zipRight(
      TestClock.adjust("3 seconds"),
      Effect.map(current, (all) => all.map(({ fault }) => fault))
    )
  )
  return { storage, faults: Context.get(below, StorageFaults), troubles }
})

const reported = <A, E, R>(test: Effect.Effect<A, E, R>) => Effect.provide(test, TroublesLive.layer)

describe("storage", () => {
  it.scoped("that is away is reported as soon as anything fails, and no more when something succeeds", () =>
    reported(
      Effect.gen(function* () {
        const { faults, storage, troubles } = yield* make
        yield* storage.outboxSize
        faults.down(true)
        expect(yield* troubles).toEqual([])
        yield* Effect.exit(storage.outboxSize)
        expect(yield* troubles).toEqual(["storage-down"])
        faults.down(false)
        expect(yield* troubles).toEqual(["storage-down"])
        yield* storage.outboxSize
        expect(yield* troubles).toEqual([])
      })
    )
  )

  it.scoped("of which one operation fails is not away", () =>
    reported(
      Effect.gen(function* () {
        const { faults, storage, troubles } = yield* make
        faults.failNext("outboxSize")
        yield* Effect.exit(storage.outboxSize)
        expect(yield* troubles).toEqual([])
      })
    )
  )

  it.scoped("is asked every other second at most, however many operations fail", () =>
    reported(
      Effect.gen(function* () {
        const { faults, storage } = yield* make
        faults.down(true)
        const before = faults.calls("ping")
        for (let tenths = 0; tenths < 100; tenths += 1) {
          yield* Effect.exit(storage.outboxSize)
          yield* TestClock.adjust("100 millis")
        }
        expect(faults.calls("ping") - before).toBe(5)
      })
    )
  )

  it.scoped("that hangs is reported though nobody waits for it, and is not asked more and more", () =>
    reported(
      Effect.gen(function* () {
        const { faults, storage, troubles } = yield* make
        faults.down(true)
        faults.pace(() => ({ before: 0, after: 15_000 }))
        for (let seconds = 0; seconds < 30; seconds += 5) {
          yield* Effect.fork(Effect.ignore(Effect.timeout(storage.ping, "3 seconds")))
          yield* TestClock.adjust("5 seconds")
        }
        expect(yield* troubles).toEqual(["storage-down"])
        // Six of those who ask, and one of its own.
        expect(faults.calls("ping")).toBe(7)
      })
    )
  )

  it.scoped("that answers who asks next is not asked again for the one who did not wait", () =>
    reported(
      Effect.gen(function* () {
        const { faults, storage, troubles } = yield* make
        faults.delay(5_000)
        const asking = yield* Effect.fork(storage.ping)
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(asking)
        faults.delay(0)
        yield* storage.ping
        expect(yield* troubles).toEqual([])
        expect(faults.calls("ping")).toBe(2)
      })
    )
  )
})
