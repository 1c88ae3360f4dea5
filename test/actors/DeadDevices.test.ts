import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Verdict } from "../../schemas/Push.ts"
import { inWorld, type World } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"
const dead = Verdict.TokenDead({ since: undefined })

/** Ann with a phone whose token turns out dead, and whatever other phones are named. */
const ready = (world: World, ...others: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    const user = yield* world.user(ANN)
    for (const token of ["phone", ...others]) yield* ens.registered(ANN, { token })
    yield* world.push.setVerdict({ token: "phone" }, dead)
    const tokens = Effect.map(world.storage.devices(user), (all) => all.map(({ token }) => token))
    return { ens, user, tokens }
  })

/** A mail comes, and `meanwhile` happens before the gateway's answer. */
const during = <A, E>(
  world: World,
  { ens }: Effect.Effect.Success<ReturnType<typeof ready>>,
  meanwhile: Effect.Effect<A, E>
) =>
  Effect.gen(function* () {
    yield* world.push.hold
    const { events } = yield* world.arrive(ANN)
    const pending = yield* ens.callback(ANN, events)
    yield* meanwhile
    yield* world.push.release
    yield* world.settled
    expect(pending.reply).toBe("Ok")
  })

describe("a push token that is dead", () => {
  it.scopedLive(
    "takes its device with it",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, tokens } = yield* ready(world, "tablet")
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        expect(yield* tokens).toEqual(["tablet"])
      })
    )
  )

  it.scopedLive(
    "does not take a device that got another token meanwhile",
    inWorld((world) =>
      Effect.gen(function* () {
        const scene = yield* ready(world, "tablet")
        yield* during(world, scene, scene.ens.updateToken(ANN, "phone", "new"))
        expect(yield* scene.tokens).toEqual(["new", "tablet"])
      })
    )
  )

  it.scopedLive(
    "does not take a device that registered again meanwhile",
    inWorld((world) =>
      Effect.gen(function* () {
        const scene = yield* ready(world, "tablet")
        const again = Effect.zipRight(world.advance(10), scene.ens.registered(ANN, { token: "phone" }))
        yield* during(world, scene, again)
        expect(yield* scene.tokens).toEqual(["phone", "tablet"])
      })
    )
  )
})
