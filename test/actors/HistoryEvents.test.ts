import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { unpack } from "../../schemas/History.ts"
import { Verdict } from "../../schemas/Push.ts"
import { HOUR, inWorld, MINUTE, type World } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"

/** Kind and text of all that storage knows of Ann, the oldest first. */
const told = (world: World) =>
  Effect.gen(function* () {
    yield* world.advance(6_000)
    const [row] = yield* world.storage.histories([yield* world.user(ANN)])
    return row === undefined ? [] : unpack(row.events)
  })

const words = (world: World) =>
  Effect.map(told(world), (all) =>
    all.map(({ detail, kind, times }) => `${kind}${times > 1 ? ` ×${times}` : ""} ${detail}`.trim())
  )

const ready = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.start
    yield* world.user(ANN)
    yield* ens.registered(ANN)
    yield* ens.heartbeat(ANN)
    return ens
  })

const HAPPY = [
  "subscribed made at mail.example.com, generation 1",
  "registration UserSubscribed",
  "state Unconfirmed: subscribed, and Exchange has not called back yet",
  "state Active: Exchange called back",
  "heartbeat"
]

describe("a user's history tells", () => {
  it.scopedLive(
    "a registration, the subscription, its states and heartbeats",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* ready(world)
        expect(yield* words(world)).toEqual(HAPPY)
      })
    )
  )

  it.scopedLive(
    "what became of mails, one event a callback",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.registered(ANN, { token: "tablet", device: { platform: "Android" } })
        yield* ens.mail(ANN, { sender: "Bob", subject: "secret" })
        yield* world.push.setVerdict({ token: "tablet" }, Verdict.GatewayDown({ reason: "down" }))
        yield* ens.mail(ANN, { sender: "Bob", subject: "secret" })
        const all = yield* words(world)
        expect(all.slice(HAPPY.length)).toEqual([
          "registration UserAlreadySubscribed",
          "mail 2 devices: delivered",
          "mail 1 delivered, 1 waits (gateway down)"
        ])
        expect(JSON.stringify(all)).not.toMatch(/secret|Bob|ann@|tablet/)
      })
    )
  )

  it.scopedLive(
    "why a registration failed",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        yield* world.ews.setPassword(ANN, "changed")
        yield* ens.registered(ANN)
        expect(yield* words(world)).toEqual([
          "registration SubscribeAgain: exchange-log-in-refused at exchange.test"
        ])
      })
    )
  )

  it.scopedLive(
    "silence, silent pushes and that Exchange calls again",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.advance(HOUR, MINUTE)
        yield* ens.heartbeat(ANN)
        expect((yield* words(world)).slice(HAPPY.length)).toEqual([
          "state Overdue: silent for too long",
          "nudge Exchange is silent; 1 device: delivered",
          "state Active: heard again",
          "heartbeat"
        ])
      })
    )
  )

  it.scopedLive(
    "devices that changed or went",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* ens.registered(ANN, { token: "tablet" })
        yield* ens.registered(ANN, { token: "watch" })
        yield* ens.updateToken(ANN, "phone", "phone2")
        yield* ens.unregister(ANN, "tablet")
        yield* world.push.setVerdict({ token: "watch" }, Verdict.TokenDead({ since: undefined }))
        yield* ens.mail(ANN)
        expect((yield* words(world)).slice(HAPPY.length)).toEqual([
          "registration ×2 UserAlreadySubscribed",
          "device a device has a new push token",
          "device device 2 is removed: it has unregistered",
          "device device 3 is removed: its push token is dead",
          "mail 1 delivered, 1 push token dead"
        ])
      })
    )
  )

  it.scopedLive(
    "what Exchange did wrong while a mail was fetched",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        yield* world.ews.setPassword(ANN, "changed")
        yield* ens.mail(ANN)
        expect((yield* words(world)).slice(HAPPY.length)).toEqual([
          "error exchange-log-in-refused at exchange.test: mail goes out without details",
          "state CredentialsRejected: credentials rejected",
          "mail 1 device: delivered",
          "nudge new credentials are needed; 1 device: delivered"
        ])
      })
    )
  )

  it.scopedLive(
    "a callback that crashes its actor, and an actor that is set aside",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* ready(world)
        const poison = yield* world.arrive(ANN, { sender: "Bob", subject: "poison" })
        world.lethal.tokens.add("phone")
        for (let i = 0; i < 3; i++) {
          yield* ens.callback(ANN, poison.events)
          yield* world.advance(MINUTE * (i + 1), 5_000)
        }
        expect((yield* words(world)).slice(HAPPY.length)).toEqual([
          "error acknowledged a callback that always crashes"
        ])
      })
    )
  )
})

it.scopedLive(
  "a user who unregistered has no history",
  inWorld((world) =>
    Effect.gen(function* () {
      const ens = yield* ready(world)
      const user = yield* world.user(ANN)
      yield* ens.unregister(ANN, "phone")
      yield* world.advance(10_000)
      expect(yield* world.storage.histories([user])).toEqual([])
    })
  )
)
