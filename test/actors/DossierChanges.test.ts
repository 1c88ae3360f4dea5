import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { DossierChanges } from "../../actors/DossierChanges.ts"
import { Dossiers } from "../../actors/Dossiers.ts"
import { KeyPool } from "../../actors/KeyPool.ts"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import * as Tenure from "../../actors/Tenure.ts"
import { WriteBehind } from "../../actors/WriteBehind.ts"
import { Ownership } from "../../layers/ownership/Ownership.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import { makeOwnership } from "../support/ScriptedOwnership.ts"

const ANN = "7" as UserNumber

/** What a node of this role has its dossiers forget when Ann's devices change. */
const forgottenBy = Effect.fnUntraced(function* (role: "active" | "standby") {
  const forgotten: Array<UserNumber> = []
  const actors = Layer.mergeAll(
    Layer.mock(Subscriptions, { post: () => {}, loaded: () => true }),
    Layer.mock(KeyPool, {}),
    Layer.mock(WriteBehind, { note: () => {}, noteLink: () => {}, forget: () => {}, waiting: () => 0 }),
    Layer.mock(Dossiers, { forget: (user) => Effect.sync(() => void forgotten.push(user)) })
  )
  const { service } = makeOwnership(role)
  const context = yield* Layer.build(
    Tenure.layer(actors).pipe(Layer.provide(Layer.succeed(Ownership, service)))
  )
  yield* Context.get(context, DossierChanges).changed(ANN)
  return forgotten
})

describe("A change of devices outside of the actors", () => {
  it.scoped("has the present tenure's dossiers forget the user, and is of no matter to a standby", () =>
    Effect.gen(function* () {
      expect(yield* forgottenBy("active")).toEqual([ANN])
      expect(yield* forgottenBy("standby")).toEqual([])
    })
  )
})
