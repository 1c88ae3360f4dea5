import { expect, it } from "@effect/vitest"
import { Effect, Exit, Scope, TestClock } from "effect"
import type { TokenUse } from "../../../layers/storage/Storage.ts"
import { makeTokenUses } from "../../../src/http/TokenUses.ts"

it.effect(
  "uses whose writing was under way at the end are written then, each token once with its latest",
  () =>
    Effect.gen(function* () {
      const written: Array<ReadonlyArray<TokenUse>> = []
      let hangs = true
      const scope = yield* Scope.make()
      const note = yield* makeTokenUses((uses) =>
        Effect.suspend(() => {
          if (hangs) return Effect.never
          written.push(uses)
          return Effect.void
        })
      ).pipe(Scope.extend(scope))
      note("1", 5)
      note("1", 9)
      note("1", 7)
      yield* TestClock.adjust("2 minutes")
      hangs = false
      yield* Scope.close(scope, Exit.void)
      expect(written).toEqual([[{ id: "1", at: 9 }]])
    })
)
