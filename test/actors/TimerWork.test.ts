import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Troubles } from "../../layers/telemetry/Troubles.ts"
import * as TroublesLive from "../../layers/telemetry/TroublesLive.ts"
import { Verdict } from "../../schemas/Push.ts"
import { EWS_URL, inWorld, MINUTE, OTHER_URL } from "../support/ActorFixture.ts"

const ANN = "ann@example.com"

describe("work that the clock started", () => {
  it.scopedLive(
    "has an activity id in its log lines",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        yield* world.user(ANN)
        for (const token of ["phone", "tablet"]) yield* ens.registered(ANN, { token })
        yield* world.push.setVerdict({ token: "phone" }, Verdict.TokenDead({ since: undefined }))
        yield* world.advance(35 * MINUTE, 10_000)
        const removed = world.lines.find(({ text }) => text.includes("push token is dead"))
        expect(removed?.text).toMatch(/"activityId","[0-9a-f-]{36}"/)
      })
    )
  )

  it.scopedLive(
    "warns once an hour of a host that never calls back, however many users it has",
    inWorld((world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const register = (from: number, ewsUrl: string) =>
          Effect.forEach([1, 2, 3, 4], (i) => {
            const address = `user-${from + i}@example.com`
            return Effect.zipRight(world.user(address), ens.registered(address, { token: address, ewsUrl }))
          })
        const warnings = () =>
          world.logged("WARN").filter((line) => line.includes("never called back")).length
        yield* register(0, EWS_URL)
        yield* register(10, OTHER_URL)
        yield* world.advance(35 * MINUTE, MINUTE)
        expect(warnings()).toBe(2)
        yield* world.advance(60 * MINUTE, MINUTE)
        yield* register(20, EWS_URL)
        yield* world.advance(35 * MINUTE, MINUTE)
        expect(warnings()).toBe(3)
      })
    )
  )

  for (const [how, registersAgain] of [
    ["a heartbeat of that subscription", false],
    ["the first heartbeat of a new one", true]
  ] as const) {
    it.scopedLive(`that a host never calls back is over with ${how}, and of no other host`, () =>
      inWorld((world) =>
        Effect.gen(function* () {
          const ens = yield* world.start
          const other = "other@example.com"
          yield* world.user(ANN)
          yield* world.user(other)
          yield* ens.registered(ANN, { token: "phone" })
          yield* ens.registered(other, { token: "other", ewsUrl: OTHER_URL })
          const places = Effect.flatMap(Troubles, ({ current }) =>
            Effect.map(current, (troubles) =>
              troubles.filter(({ fault }) => fault === "callbacks-missing").map(({ where }) => where)
            )
          )
          yield* world.advance(35 * MINUTE, MINUTE)
          expect([...(yield* places)].sort()).toEqual([new URL(EWS_URL).host, new URL(OTHER_URL).host].sort())
          if (registersAgain) yield* ens.registered(ANN, { token: "phone", force: true })
          yield* ens.heartbeat(ANN)
          yield* world.settled
          expect(yield* places).toEqual([new URL(OTHER_URL).host])
          expect(world.logged("INFO").filter((line) => line.includes("calls back now"))).toHaveLength(1)
        })
      )().pipe(Effect.provide(TroublesLive.layer))
    )
  }

  it.scopedLive(
    "is not lost by a restart: a silent push that was held is sent by the next process, one that went is not repeated",
    inWorld((world) =>
      Effect.gen(function* () {
        const first = yield* world.start
        const addresses = ["a@example.com", "b@example.com"]
        for (const address of addresses) {
          yield* world.user(address)
          yield* first.registered(address, { token: address })
        }
        const sent = () =>
          Effect.map(
            Effect.forEach(addresses, (address) => world.push.received(address)),
            (all) => all.map((received) => received.length)
          )
        yield* world.advance(35 * MINUTE, 10_000)
        expect(yield* sent()).toEqual([0, 0])
        yield* first.kill
        const second = yield* world.start
        yield* world.advance(5 * MINUTE, 10_000)
        expect(yield* sent()).toEqual([1, 1])
        yield* second.kill
        yield* world.start
        yield* world.advance(5 * MINUTE, 10_000)
        expect(yield* sent()).toEqual([1, 1])
      })
    )
  )
})
