import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Either, Fiber } from "effect"
import { TenantNumber } from "../../../schemas/Ids.ts"
import { makeTurns } from "../../../src/http/PayloadTurns.ts"

const [one, two] = [TenantNumber.make(1), TenantNumber.make(2)]

describe("payloads that wait to be opened", () => {
  it.effect("are bounded by the work that they make, for each tenant apart", () =>
    Effect.gen(function* () {
      const turns = makeTurns(100)
      const open = yield* Deferred.make<void>()
      const waiting = (tenant: TenantNumber, blocks: number) =>
        Effect.zipLeft(Effect.fork(turns(tenant, blocks, Deferred.await(open))), Effect.yieldNow())
      yield* waiting(one, 64)
      const hungUp = yield* waiting(one, 36)
      expect(Either.isLeft(yield* Effect.either(turns(one, 1, Effect.void)))).toBe(true)
      const other = yield* waiting(two, 100)
      yield* Fiber.interrupt(hungUp)
      const next = yield* waiting(one, 36)
      expect(Either.isLeft(yield* Effect.either(turns(one, 1, Effect.void)))).toBe(true)
      yield* Deferred.succeed(open, undefined)
      yield* Fiber.join(other)
      yield* Fiber.join(next)
      // One alone goes through, however large.
      expect(yield* turns(one, 1000, Effect.succeed("opened"))).toBe("opened")
    })
  )

  it.effect("are opened one at a time, tenants in turn", () =>
    Effect.gen(function* () {
      const turns = makeTurns()
      const order: Array<string> = []
      const open = yield* Deferred.make<void>()
      const all = yield* Effect.forEach(
        [
          [one, "a"],
          [one, "b"],
          [one, "c"],
          [two, "d"]
        ] as const,
        ([tenant, name]) => {
          const work = Effect.sync(() => order.push(name)).pipe(Effect.zipRight(Deferred.await(open)))
          return Effect.zipLeft(Effect.fork(turns(tenant, 1, work)), Effect.yieldNow())
        }
      )
      expect(order).toEqual(["a"])
      yield* Deferred.succeed(open, undefined)
      yield* Fiber.joinAll(all)
      // The other tenant's did not wait for all of those that had come before.
      expect(order.indexOf("d")).toBeLessThan(order.indexOf("c"))
    })
  )
})
