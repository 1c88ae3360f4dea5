import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope, TestClock } from "effect"
import { KeyPool } from "../../actors/KeyPool.ts"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import * as Tenure from "../../actors/Tenure.ts"
import { WriteBehind } from "../../actors/WriteBehind.ts"
import { Ownership } from "../../layers/ownership/Ownership.ts"
import { makeOwnership, type ScriptedOwnership } from "../support/ScriptedOwnership.ts"

/** Actors that only tell when they come and go. */
const bench = (node: ScriptedOwnership) => {
  const told: Array<string> = []
  let defects = 0
  const part = (name: string) =>
    Layer.scopedDiscard(
      Effect.acquireRelease(
        Effect.sync(() => {
          if (defects > 0) {
            defects--
            throw new Error("it cannot be built")
          }
          told.push(`${name} begins`)
        }),
        () => Effect.sync(() => told.push(`${name} ends`))
      )
    )
  const doors = Layer.mergeAll(
    Layer.mock(Subscriptions, { post: () => {}, count: Effect.succeed(7), loaded: () => true }),
    Layer.mock(KeyPool, { take: Effect.succeed(Uint8Array.of(1)) }),
    Layer.mock(WriteBehind, { note: () => {}, noteLink: () => {}, forget: () => {}, waiting: () => 5 })
  )
  const actors = Layer.mergeAll(doors, part("actors").pipe(Layer.provideMerge(part("write-behind"))))
  const layer = Tenure.layer(actors).pipe(Layer.provide(Layer.succeed(Ownership, node.service)))
  return {
    told,
    layer,
    fail: (times: number) => {
      defects = times
    }
  }
}

const look = (context: Context.Context<Subscriptions | KeyPool | Tenure.Tenure>) =>
  Effect.gen(function* () {
    const subscriptions = Context.get(context, Subscriptions)
    const key = yield* Effect.either(Context.get(context, KeyPool).take)
    return [
      yield* subscriptions.count,
      subscriptions.loaded(),
      Context.get(context, Tenure.Tenure).waiting(),
      key._tag === "Right" ? "a key" : key.left.message
    ]
  })

const ACTIVE = [7, true, 5, "a key"]
const STANDBY = [0, false, 0, "the subscription cannot be reached (standby); try again"]

describe("what lives as long as a tenure", () => {
  it.scoped(
    "is there when a node that is active has started, and goes from top to bottom when it stops",
    () =>
      Effect.gen(function* () {
        const { layer, told } = bench(makeOwnership("active"))
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(layer, scope)
        expect(yield* look(context)).toEqual(ACTIVE)
        yield* Scope.close(scope, Exit.void)
        expect(told).toEqual(["write-behind begins", "actors begins", "actors ends", "write-behind ends"])
        expect(yield* look(context)).toEqual(STANDBY)
      })
  )

  it.scoped("comes and goes with it, and a standby starts without", () =>
    Effect.gen(function* () {
      const node = makeOwnership("standby")
      const { layer, told } = bench(node)
      const context = yield* Layer.build(layer)
      for (let tenure = 0; tenure < 2; tenure++) {
        expect(yield* look(context)).toEqual(STANDBY)
        node.become("active")
        yield* TestClock.adjust(1)
        expect(yield* look(context)).toEqual(ACTIVE)
        node.become("cut off")
        yield* TestClock.adjust(1)
        expect(yield* look(context)).toEqual(ACTIVE)
        node.become("standby")
        yield* TestClock.adjust(1)
      }
      expect(yield* look(context)).toEqual(STANDBY)
      expect(told.filter((line) => line.endsWith("begins"))).toHaveLength(4)
      expect(told.filter((line) => line.endsWith("ends"))).toHaveLength(4)
    })
  )

  it.scoped("is tried again after a defect, while the node answers as a standby", () =>
    Effect.gen(function* () {
      const node = makeOwnership("standby")
      const { fail, layer } = bench(node)
      const context = yield* Layer.build(layer)
      fail(1)
      node.become("active")
      yield* TestClock.adjust("4 seconds")
      expect(yield* look(context)).toEqual(STANDBY)
      yield* TestClock.adjust("2 seconds")
      expect(yield* look(context)).toEqual(ACTIVE)
    })
  )
})
