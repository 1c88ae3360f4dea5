import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, FiberId, TestClock } from "effect"
import { MssqlTurns } from "../../../../layers/storage/mssql/MssqlTurns.ts"

type Step = { readonly kind: "come" | "leave" | "serve" | "wait"; readonly who: number }

const steps = FastCheck.array(
  FastCheck.record({
    kind: FastCheck.constantFrom<Step["kind"]>("come", "leave", "serve", "wait"),
    who: FastCheck.nat(7)
  }),
  { minLength: 5, maxLength: 40 }
)

const size = 2

describe("turns", () => {
  it.effect("are all there again after any schedule of callers that come, leave, wait and are served", () =>
    Effect.forEach(FastCheck.sample(steps, 150), (schedule) =>
      Effect.gen(function* () {
        const turns = new MssqlTurns(size, 50)
        let served = 0
        const callers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
        const held: Array<() => void> = []
        const caller = Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            yield* turns.take(restore)
            served++
            expect(served).toBeLessThanOrEqual(size)
            yield* restore(
              Effect.async<void>((resume) => {
                held.push(() => resume(Effect.void))
              })
            ).pipe(
              Effect.ensuring(
                Effect.sync(() => {
                  served--
                  turns.give()
                })
              )
            )
          })
        )
        // No pause between the steps, so that a turn and an interruption may meet.
        for (const { kind, who } of schedule) {
          if (kind === "come") callers.push(yield* Effect.fork(caller))
          if (kind === "leave") callers[who]?.unsafeInterruptAsFork(FiberId.none)
          if (kind === "serve") held.splice(who, 1)[0]?.()
          if (kind === "wait") yield* TestClock.adjust(who * 10)
          if (who % 2 === 0) yield* Effect.yieldNow()
        }
        yield* Fiber.interruptAll(callers)
        expect(served).toBe(0)
        for (let n = 0; n < size; n++) yield* Effect.uninterruptibleMask((restore) => turns.take(restore))
        const more = yield* Effect.fork(
          Effect.flip(Effect.uninterruptibleMask((restore) => turns.take(restore)))
        )
        yield* Effect.yieldNow()
        yield* TestClock.adjust(60)
        expect((yield* Fiber.join(more)).cause).toMatchObject({ code: "EBUSY", sent: false })
      })
    )
  )
})
