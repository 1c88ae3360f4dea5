import { describe, expect, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import * as Deadlines from "../../../layers/push/Deadlines.ts"

describe("a deadline", () => {
  it.scoped("ends what takes too long, and nothing before", () =>
    Effect.gen(function* () {
      const { watch } = yield* Deadlines.make(8_000)
      const ended: Array<string> = []
      watch(() => ended.push("first"))
      yield* TestClock.adjust(4_500)
      watch(() => ended.push("second"))
      yield* TestClock.adjust(3_400)
      expect(ended).toEqual([])
      yield* TestClock.adjust(1_000)
      expect(ended).toEqual(["first"])
      yield* TestClock.adjust(10_000)
      expect(ended).toEqual(["first", "second"])
    })
  )
  it.scoped("is no more for what is done", () =>
    Effect.gen(function* () {
      const { watch } = yield* Deadlines.make(8_000)
      const done = watch(() => expect.unreachable())
      done()
      yield* TestClock.adjust(100_000)
    })
  )
})
