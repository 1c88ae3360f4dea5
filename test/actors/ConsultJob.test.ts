import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { consultJob } from "../../actors/jobs/ConsultJob.ts"
import { CallbackSeal } from "../../layers/crypto/CallbackSeal.ts"
import { type KeyedUser, Storage, type Subscription } from "../../layers/storage/Storage.ts"
import type { ActivityId, Generation, UserNumber } from "../../schemas/Ids.ts"
import { StorageError } from "../../schemas/StorageError.ts"
import { Callback } from "../../schemas/SubscriptionMessage.ts"

interface Case {
  /** Generation that storage knows; undefined: a user without subscription; null: no user. */
  readonly live: number | undefined | null
  readonly refused?: number
  /** `f` was made with the user's present keys. */
  readonly ours?: boolean
  readonly down?: boolean
}

const user = "7" as UserNumber

const verdict = (generation: number, { down = false, live, ours = true, refused = 0 }: Case) => {
  const read = <A>(value: Option.Option<A>) =>
    down ? new StorageError({ operation: "user", transient: true, cause: "down" }) : Effect.succeed(value)
  const storage = Layer.mock(Storage, {
    location: "memory",
    user: () => read(live === null ? Option.none() : Option.some({ user, refused } as KeyedUser)),
    subscription: () =>
      read(typeof live === "number" ? Option.some({ user, generation: live } as Subscription) : Option.none())
  })
  const seal = Layer.mock(CallbackSeal, { verify: () => undefined, isFor: () => Effect.succeed(ours) })
  const callback = Callback.make({
    activityId: "a" as ActivityId,
    generation: generation as Generation,
    subscriptionId: undefined,
    previousWatermark: undefined,
    events: [],
    errorCode: undefined,
    f: Redacted.make("f"),
    hurried: false
  })
  return Effect.provide(consultJob(user, callback), Layer.merge(storage, seal))
}

describe("a callback of another generation", () => {
  const cases: ReadonlyArray<readonly [string, number, Case, string]> = [
    ["a lower one than storage shows", 2, { live: 3 }, "Unsubscribe"],
    ["a higher one (crash between Subscribe and store, restored backup)", 4, { live: 3 }, "Adopt"],
    ["a higher one whose proof failed", 4, { live: 3, refused: 4 }, "Unsubscribe"],
    ["the one that storage shows, though the actor does not", 3, { live: 3 }, "Adopt"],
    ["a first one", 1, { live: undefined }, "Adopt"],
    ["a first one whose proof failed", 1, { live: undefined, refused: 1 }, "Unsubscribe"],
    [
      "an earlier owner of the user's number, whatever its generation",
      4,
      { live: 3, ours: false },
      "Unknown"
    ],
    ["an earlier owner of the number, of a lower generation", 2, { live: 3, ours: false }, "Unknown"],
    ["nobody", 1, { live: null }, "Unknown"],
    ["somebody, while storage cannot be read", 1, { live: 3, down: true }, "Retry"]
  ]
  for (const [of, generation, given, expected] of cases) {
    it.effect(`of ${of}: ${expected}`, () =>
      Effect.map(verdict(generation, given), (found) => {
        expect(found.verdict).toBe(expected)
        expect(found.stored !== undefined).toBe(expected === "Adopt" && generation === given.live)
      })
    )
  }
})
