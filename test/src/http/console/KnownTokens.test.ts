import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { StorageError } from "../../../../schemas/StorageError.ts"
import { makeKnownTokens } from "../../../../src/http/console/KnownTokens.ts"

it.effect("a right token is not called wrong because storage could not be read a moment ago", () =>
  Effect.gen(function* () {
    const hash = new Uint8Array(32).fill(7)
    let isAway = true
    const away = new StorageError({
      operation: "adminTokenHashes",
      transient: true,
      cause: new Error("away")
    })
    const knows = yield* makeKnownTokens({
      adminTokenHashes: Effect.suspend(() =>
        isAway ? Effect.fail(away) : Effect.succeed([{ hash, expiresAt: 90_000 }])
      )
    })
    expect(yield* Effect.flip(knows(hash, 0))).toBe(away)
    expect(yield* Effect.flip(knows(hash, 1))).toBe(away)
    isAway = false
    expect(yield* knows(hash, 60_000)).toBe(true)
    expect(yield* knows(new Uint8Array(32), 60_001)).toBe(false)
    // Until it ends, at the very time.
    expect(yield* knows(hash, 89_999)).toBe(true)
    expect(yield* knows(hash, 90_000)).toBe(false)
  })
)
