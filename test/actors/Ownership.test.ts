import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { inWorld } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"

describe("a node that does not own a user's bucket", () => {
  it.scopedLive(
    "answers nothing for the user: another one does",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* world.start
        yield* world.user(ANN)
        yield* first.registered(ANN)
        yield* first.kill
        world.owned.buckets = () => false
        const second = yield* world.start
        yield* world.settled
        expect(yield* second.subscriptions.count).toBe(0)
        const { reply } = yield* second.mail(ANN)
        expect(reply).toMatchObject({ _tag: "Unavailable", reason: "owned elsewhere" })
        expect(yield* world.titles("phone")).toEqual([])
      })
    )
  )
})
