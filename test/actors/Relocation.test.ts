import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { EWS_URL, inWorld, type World } from "../support/ActorFixture.ts"
import { faults } from "../support/FakeEws.ts"

const ANN = "ann@example.com"
const OLD = "https://old.example.org/EWS/Exchange.asmx"
const NEW = "https://moved.example.org/EWS/Exchange.asmx"
const forEver = { times: Number.POSITIVE_INFINITY }

const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    const user = yield* world.user(ANN)
    return { ens, user }
  })

const stored = (world: World, user: Parameters<World["storage"]["subscription"]>[0]) =>
  Effect.map(world.storage.subscription(user), Option.getOrThrow)

describe("a mailbox whose URL Autodiscover found", () => {
  it.scopedLive(
    "is asked in the version that Autodiscover names, unless the device chose one",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens, user } = yield* ready(world)
        world.places.found = [{ url: OLD, version: "Exchange2013_SP1" }]
        yield* ens.registered(ANN, { discover: true })
        expect(yield* stored(world, user)).toMatchObject({ ewsUrl: OLD, exchangeVersion: "Exchange2013_SP1" })
        yield* ens.registered(ANN, { discover: true, force: true, exchangeVersion: "Exchange2010_SP2" })
        expect(yield* stored(world, user)).toMatchObject({ exchangeVersion: "Exchange2010_SP2" })
        yield* ens.registered(ANN, { ewsUrl: EWS_URL, force: true })
        expect(yield* stored(world, user)).toMatchObject({ exchangeVersion: "Exchange2010_SP1" })
      })
    )
  )

  it.scopedLive(
    "is looked for once more when the URL is no good any more, within the same registration",
    inWorld((world) =>
      Effect.gen(function* () {
        for (const fault of [
          faults.refused("ErrorProxyRequestNotAllowed"),
          faults.unreachable(),
          faults.unusable(404)
        ]) {
          const { ens, user } = yield* ready(world)
          world.places.found = [{ url: OLD }, { url: NEW }]
          yield* world.ews.failNext("subscribe", fault, { times: fault._tag === "EwsUnreachable" ? 4 : 1 })
          const registering = ens.register(ANN, { discover: true, force: true })
          yield* world.advance(10_000)
          expect(registering.reply).toMatchObject({ code: "UserSubscribed" })
          expect(yield* stored(world, user)).toMatchObject({ ewsUrl: NEW })
          expect(world.places.found).toEqual([{ url: NEW }])
          yield* ens.stop
        }
      })
    )
  )

  it.scopedLive(
    "is not looked for twice, nor elsewhere where nobody knows better",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens } = yield* ready(world)
        yield* world.ews.failNext("subscribe", faults.refused("ErrorProxyRequestNotAllowed"), forEver)
        world.places.found = [{ url: OLD }]
        expect(yield* ens.registered(ANN, { discover: true })).toMatchObject({ code: "SubscribeAgain" })
        expect(yield* world.ews.count("subscribe")).toBe(1)
        world.places.found = [{ url: OLD }, { url: NEW }, { url: EWS_URL }]
        expect(yield* ens.registered(ANN, { discover: true })).toMatchObject({ code: "SubscribeAgain" })
        expect(yield* world.ews.count("subscribe")).toBe(3)
        expect(yield* ens.registered(ANN, { ewsUrl: EWS_URL })).toMatchObject({ code: "SubscribeAgain" })
        expect(yield* world.ews.count("subscribe")).toBe(4)
      })
    )
  )

  it.scopedLive(
    "is forgotten by a callback that finds nobody there, for the next registration",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens } = yield* ready(world)
        world.places.found = [{ url: OLD }, { url: NEW }]
        yield* ens.registered(ANN, { discover: true })
        yield* world.ews.failNext("mails", faults.unreachable(), { times: 4 })
        yield* ens.mail(ANN)
        yield* world.advance(5_000)
        expect(world.places.found).toEqual([{ url: NEW }])
      })
    )
  )

  it.scopedLive(
    "may redirect to its own host and to no other, as long as nobody listed it",
    inWorld((world) =>
      Effect.gen(function* () {
        const { ens } = yield* ready(world)
        world.places.found = [{ url: OLD }]
        yield* ens.registered(ANN, { discover: true })
        const account = Option.getOrThrow(Option.fromNullable(yield* world.ews.lastAccount))
        const allowed = (url: string) => Effect.isSuccess(account.allow(url))
        expect(yield* allowed(OLD)).toBe(true)
        expect(yield* allowed(EWS_URL)).toBe(true)
        world.places.found = [{ url: NEW }]
        yield* ens.registered(ANN, { discover: true, force: true })
        expect(yield* allowed(NEW)).toBe(false)
      })
    )
  )
})
