import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as Gate from "../../../src/http/Gate.ts"

describe("Gate", () => {
  it.effect(
    "turns away at once whoever is too many, and lets in again when one has left, in whatever way",
    () =>
      Effect.gen(function* () {
        const gate = yield* Gate.make(2)
        const open = yield* Deferred.make<void>()
        const waiting = gate.run(Deferred.await(open), "turned away")
        const first = yield* Effect.fork(waiting)
        const second = yield* Effect.fork(waiting)
        yield* Effect.yieldNow()
        expect(yield* waiting).toBe("turned away")
        yield* Fiber.interrupt(first)
        expect(yield* Effect.exit(gate.run(Effect.die("a bug"), ""))).toMatchObject({ _tag: "Failure" })
        expect(yield* gate.run(Effect.succeed("in"), "turned away")).toBe("in")
        yield* Deferred.succeed(open, undefined)
        yield* second
        expect(yield* gate.run(Effect.succeed("in"), "turned away")).toBe("in")
      })
  )
})
