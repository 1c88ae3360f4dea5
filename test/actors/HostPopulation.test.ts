import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { inWorld, MINUTE, OTHER_URL } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"

describe("the population of a host", () => {
  it.scopedLive(
    "counts each subscription once, however often its actor crashed, was parked and came back",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        expect(world.population()).toEqual([])
        yield* ens.registered(ANN)
        expect(world.population()).toEqual([1])
        const crash = Effect.gen(function* () {
          const mail = yield* world.arrive(ANN)
          world.lethal.details.add(mail.item)
          yield* ens.callback(ANN, mail.events)
          yield* world.advance(5_000)
        })
        yield* crash
        expect(world.population()).toEqual([1])
        for (let i = 0; i < 6; i++) yield* crash
        expect(yield* ens.status(ANN)).toMatchObject({ state: "Parked" })
        expect((yield* ens.registered(ANN)).code).toBe("Success")
        expect(world.population()).toEqual([1])
        for (let i = 0; i < 6; i++) yield* crash
        yield* world.advance(16 * MINUTE, MINUTE)
        expect((yield* ens.heartbeat(ANN)).reply).toBe("Ok")
        expect(world.population()).toEqual([1])
        yield* ens.registered(ANN, { ewsUrl: OTHER_URL })
        expect(world.population()).toEqual([1])
        yield* ens.unregister(ANN, "phone")
        expect(world.population()).toEqual([])
      })
    )
  )
})
