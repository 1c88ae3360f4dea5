import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { Progress, shown } from "../../../src/cli/Progress.ts"

/** A terminal that remembers what was written. */
const terminal = (isTTY: boolean, columns = 40) => {
  const written: Array<string> = []
  return { written, screen: { isTTY, columns, write: (text: string) => void written.push(text) } }
}

const WIPE = "\r\u001b[K"

const work = Effect.gen(function* () {
  const progress = yield* Progress
  yield* progress.step("keys")
  yield* progress.count(1)
  yield* progress.count(2, 5)
  return "done"
})

describe("a command's progress", () => {
  it.effect("is one line on a terminal, wiped at the end", () =>
    Effect.gen(function* () {
      const { screen, written } = terminal(true)
      expect(yield* shown(false, screen)(work)).toBe("done")
      expect(written).toEqual([`${WIPE}keys …`, `${WIPE}keys: 1`, `${WIPE}keys: 2 of 5`, WIPE])
    })
  )

  it.effect("is nothing on a pipe, with --json, or where nobody asked for it", () =>
    Effect.gen(function* () {
      const pipe = terminal(false)
      const json = terminal(true)
      yield* shown(false, pipe.screen)(work)
      yield* shown(true, json.screen)(work)
      expect(yield* work).toBe("done")
      expect([...pipe.written, ...json.written]).toEqual([])
    })
  )

  it.effect("is wiped when the command fails or is interrupted", () =>
    Effect.gen(function* () {
      const failed = terminal(true)
      const exit = yield* Effect.exit(shown(false, failed.screen)(Effect.zipRight(work, Effect.fail("no"))))
      expect(Exit.isFailure(exit)).toBe(true)
      expect(failed.written.at(-1)).toBe(WIPE)

      const interrupted = terminal(true)
      const begun = yield* Deferred.make<void>()
      const endless = Effect.zipRight(work, Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never))
      const fiber = yield* Effect.fork(shown(false, interrupted.screen)(endless))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      expect(interrupted.written.at(-1)).toBe(WIPE)
    })
  )

  it.effect("never wraps, because a wrapped line could not be wiped", () =>
    Effect.gen(function* () {
      const { screen, written } = terminal(true, 10)
      yield* shown(false, screen)(Effect.flatMap(Progress, ({ step }) => step("a step of many words")))
      expect(written[0]).toBe(`${WIPE}a step of`)
    })
  )
})
