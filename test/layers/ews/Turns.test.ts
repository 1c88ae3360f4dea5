import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, TestClock, TestContext } from "effect"
import { Turns } from "../../../layers/ews/Turns.ts"

const waitFor = (turns: Turns, patience = 1000) => Effect.fork(Effect.uninterruptible(turns.wait(patience)))

describe("Turns", () => {
  it("are so many, and can be taken again when they are given back", () => {
    const turns = new Turns(2)
    expect([turns.take(), turns.take(), turns.take()]).toEqual([true, true, false])
    turns.giveBack()
    expect([turns.take(), turns.take(), turns.unused]).toEqual([true, false, false])
    turns.giveBack()
    turns.giveBack()
    expect(turns.unused).toBe(true)
  })

  it.effect("go to who has waited longest, before anybody who comes later", () =>
    Effect.gen(function* () {
      const turns = new Turns(1)
      turns.take()
      const [first, second] = [yield* waitFor(turns), yield* waitFor(turns)]
      yield* Effect.yieldNow()
      expect(turns.waiting).toBe(2)
      turns.giveBack()
      expect(turns.take()).toBe(false)
      expect(yield* Fiber.join(first)).toBe(true)
      expect(turns.waiting).toBe(1)
      turns.giveBack()
      expect(yield* Fiber.join(second)).toBe(true)
    })
  )

  it.effect("are waited for as long as patience lasts", () =>
    Effect.gen(function* () {
      const turns = new Turns(1)
      turns.take()
      const waiting = yield* waitFor(turns, 1000)
      yield* TestClock.adjust(999)
      expect(turns.waiting).toBe(1)
      yield* TestClock.adjust(1)
      expect(yield* Fiber.join(waiting)).toBe(false)
      expect(turns.waiting).toBe(0)
    })
  )

  it.effect("pass on when who was to have one is interrupted, even at that moment", () =>
    Effect.gen(function* () {
      const turns = new Turns(1)
      turns.take()
      const [early, served, next] = [yield* waitFor(turns), yield* waitFor(turns), yield* waitFor(turns)]
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(early)
      turns.giveBack()
      const outcome = yield* Fiber.interrupt(served)
      // Too late to be interrupted, it has its turn, and gives it back.
      if (outcome._tag === "Success" && outcome.value) turns.giveBack()
      expect(yield* Fiber.join(next)).toBe(true)
      turns.giveBack()
      expect(turns.unused).toBe(true)
    })
  )

  it.effect("are never lost, whoever waits, gives up or is interrupted", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(FastCheck.constantFrom("come", "interrupt", "end", "wait"), { maxLength: 60 }),
          (events) =>
            Effect.gen(function* () {
              const turns = new Turns(2)
              const fibers: Array<Fiber.RuntimeFiber<void>> = []
              const ends: Array<() => void> = []
              const visit = Effect.acquireUseRelease(
                Effect.suspend(() => (turns.take() ? Effect.succeed(true) : turns.wait(5))),
                (served) =>
                  served
                    ? Effect.async<void>((resume) => void ends.push(() => resume(Effect.void)))
                    : Effect.void,
                (served) => Effect.sync(() => served && turns.giveBack())
              )
              for (const event of events) {
                if (event === "come") fibers.push(yield* Effect.fork(visit))
                else if (event === "end") ends.shift()?.()
                else if (event === "interrupt")
                  yield* Fiber.interruptFork(fibers[fibers.length >> 1] ?? Fiber.void)
                else yield* TestClock.adjust(3)
              }
              yield* Fiber.interruptAll(fibers)
              expect([turns.unused, turns.waiting]).toEqual([true, 0])
            }).pipe(Effect.provide(TestContext.TestContext), Effect.runPromise)
        ),
        { numRuns: 40 }
      )
    )
  )
})
