import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option } from "effect"
import * as Gate from "../../../src/http/Gate.ts"

describe("Gate", () => {
  it.effect(
    "turns away at once whoever is too many, and lets in again when one has left, in whatever way",
    () =>
      Effect.gen(function* () {
        const gate = yield* Gate.make(2)
        const open = yield* Deferred.make<void>()
        const waiting = gate.run(1, Deferred.await(open), "turned away")
        const first = yield* Effect.fork(waiting)
        const second = yield* Effect.fork(waiting)
        yield* Effect.yieldNow()
        expect(yield* waiting).toBe("turned away")
        yield* Fiber.interrupt(first)
        expect(yield* Effect.exit(gate.run(1, Effect.die("a bug"), ""))).toMatchObject({ _tag: "Failure" })
        expect(yield* gate.run(1, Effect.succeed("in"), "turned away")).toBe("in")
        yield* Deferred.succeed(open, undefined)
        yield* second
        expect(yield* gate.run(1, Effect.succeed("in"), "turned away")).toBe("in")
      })
  )

  it.effect("keeps room for others, however many of one party hang", () =>
    Effect.gen(function* () {
      const gate = yield* Gate.make(16)
      const hung: Array<Fiber.Fiber<unknown>> = []
      const hang = (party: number) =>
        Effect.gen(function* () {
          for (;;) {
            const fiber = yield* Effect.fork(gate.run(party, Effect.never, "turned away"))
            yield* Effect.yieldNow()
            if (Option.isSome(yield* Fiber.poll(fiber))) break
            hung.push(fiber)
          }
          return hung.length
        })
      expect([yield* hang(1), yield* hang(2), yield* hang(3)]).toEqual([12, 15, 16])
      for (const fiber of hung.splice(0, 12)) yield* Fiber.interrupt(fiber)
      // Of the places that become free, too.
      expect([yield* hang(2), yield* hang(1)]).toEqual([13, 16])
    })
  )
})
