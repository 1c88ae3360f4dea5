import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Verdict } from "../../schemas/Push.ts"
import { inWorld, MINUTE, type World } from "../support/ActorFixture.ts"

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

  it.scopedLive(
    "takes the user with it if it was the last one: keys, subscription and what waits",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* ready(world)
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        expect(yield* world.storage.user(user)).toEqual(Option.none())
        expect(yield* world.storage.subscription(user)).toEqual(Option.none())
        expect(yield* world.storage.outboxSize).toEqual({ entries: 0, oldest: null })
      })
    )
  )

  it.scopedLive(
    "does not take a user who registers another device meanwhile",
    inWorld((world) =>
      Effect.gen(function* () {
        const scene = yield* ready(world)
        yield* during(world, scene, scene.ens.registered(ANN, { token: "new" }))
        expect(yield* scene.tokens).toEqual(["new"])
        expect(yield* scene.ens.status(ANN, "new")).toMatchObject({ code: "UserAlreadySubscribed" })
      })
    )
  )

  it.scopedLive(
    "takes its user when the next mail comes, if storage could not do it at once",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* ready(world)
        world.faults.failNext("deleteUserWithoutDevices")
        yield* ens.mail(ANN)
        expect(yield* world.storage.user(user)).not.toEqual(Option.none())
        expect((yield* ens.mail(ANN)).reply).toBe("Ok")
        expect(yield* world.storage.user(user)).toEqual(Option.none())
      })
    )
  )

  it.scopedLive(
    "is noticed by a silent push as well",
    inWorld((world) =>
      Effect.gen(function* () {
        const { tokens } = yield* ready(world, "tablet")
        yield* world.advance(35 * MINUTE, 10_000)
        expect(yield* tokens).toEqual(["tablet"])
      })
    )
  )
})
