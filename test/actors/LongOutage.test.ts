import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { RATE_MOST } from "../../actors/OutboxPace.ts"
import type { Gateway } from "../../layers/push/Gateway.ts"
import * as PushStage from "../../layers/push/PushStage.ts"
import { type Platform, type PushNotification, Verdict } from "../../schemas/Push.ts"
import { events, inWorld, MINUTE, type Pending } from "../support/ActorFixture.ts"
import { callback, post, subscribe } from "../support/Subscribers.ts"

const SECOND = 1_000
const MAILS_PER_SECOND = 200
const SLOTS = 100

/** A push service that can go away, and counts what it delivered and how often it was asked. */
class Service {
  down = false
  requests = 0
  readonly delivered: Array<PushNotification> = []
  readonly gateway: Gateway

  constructor(name: "apns" | "fcm") {
    this.gateway = {
      name,
      batchSize: 1,
      slots: SLOTS,
      send: (batch) =>
        Effect.sync(() => {
          this.requests++
          if (this.down) return batch.map(() => Verdict.GatewayDown({ reason: "cannot be reached" }))
          this.delivered.push(...batch)
          return batch.map(() => Verdict.Delivered())
        })
    }
  }
}

/** Mails that a notification announces. */
const mailsOf = ({ kind, payload }: PushNotification): number => {
  const { count } = (payload.ens ?? payload) as { count?: number | string }
  return kind === "newMail" ? 1 : kind === "summary" ? Number(count) : 0
}

interface Scenario {
  readonly minutes: number
  readonly users: number
  /** New mails that Exchange reports in one callback; many, so that an hour takes a test some seconds. */
  readonly atOnce: number
  readonly down: ReadonlyArray<Platform>
}

const scenario = ({ atOnce, down, minutes, users }: Scenario) => {
  const services = { iOS: new Service("apns"), Android: new Service("fcm") }
  const stage = PushStage.make({ ios: services.iOS.gateway, android: services.Android.gateway })
  let push: Effect.Effect.Success<typeof stage>
  return inWorld(
    (world) =>
      Effect.gen(function* () {
        const ens = yield* world.start
        const all = yield* subscribe(world, ens, users)
        const subscribed = yield* world.ews.count("subscribe")
        // Some get so few mails in all that they are told of each.
        const rare = all.slice(0, 20)
        const busy = all.slice(20)
        for (const platform of down) services[platform].down = true

        const pending: Array<Pending<unknown>> = []
        let next = 0
        let mostWaiting = 0
        for (let second = 0; second < minutes * 60; second++) {
          if (second % 60 === 0 && second < 180)
            for (const one of rare) pending.push(callback(world, ens, one, 1))
          // Silence has consequences of its own.
          if (second % 600 === 599) for (const one of rare) post(ens, one, [events.status()])
          for (let mails = 0; mails < MAILS_PER_SECOND; mails += atOnce)
            pending.push(callback(world, ens, busy[next++ % busy.length]!, atOnce))
          yield* world.advance(SECOND)
          for (const { waiting } of yield* push.health) mostWaiting = Math.max(mostWaiting, waiting)
        }
        yield* world.advance(10 * SECOND)
        expect(pending.filter(({ reply, replies }) => reply !== "Ok" || replies !== 1)).toEqual([])
        // What waits is on disk; in memory there is hardly anything, and the gateway is left alone.
        expect(mostWaiting).toBeLessThanOrEqual(MAILS_PER_SECOND)
        // Besides those that were under way when it went there are three probes a minute.
        for (const platform of down)
          expect(services[platform].requests).toBeLessThan(SLOTS + 10 + 3 * minutes)
        const unheard = all.filter(({ platform }) => down.includes(platform))
        const owed = unheard.reduce((sum, { mails }) => sum + mails, 0)
        expect((yield* world.storage.outboxSize).entries).toBe(owed)
        expect(owed).toBeGreaterThan(minutes * 60 * MAILS_PER_SECOND * 0.49)

        for (const platform of down) services[platform].down = false
        const perSecond: Array<number> = []
        for (let second = 0; (yield* world.storage.outboxSize).entries > 0; second++) {
          const before = down.map((platform) => services[platform].delivered.length)
          yield* world.advance(SECOND)
          for (const [i, platform] of down.entries()) {
            const fresh = services[platform].delivered.slice(before[i])
            perSecond.push(new Set(fresh.map(({ target }) => target.token)).size)
          }
          // It finds out at its next probe; then everybody is told within a minute.
          expect(second).toBeLessThan(60)
        }
        expect(Math.max(...perSecond)).toBeLessThanOrEqual(RATE_MOST)
        yield* world.advance(2 * MINUTE)

        const received = Map.groupBy(
          [...services.iOS.delivered, ...services.Android.delivered].filter((one) => mailsOf(one) > 0),
          ({ target }) => target.token
        )
        for (const { mails, token } of all) {
          const counts = (received.get(token) ?? []).map(mailsOf)
          expect(
            counts.reduce((sum, count) => sum + count, 0),
            token
          ).toBe(mails)
        }
        const singles = [...received.values()].flat().filter(({ kind }) => kind === "newMail")
        expect(new Set(singles.map(({ id }) => id)).size).toBe(singles.length)
        for (const { token } of rare.filter(({ platform }) => down.includes(platform)))
          expect(received.get(token)?.map(({ kind }) => kind)).toEqual(["newMail", "newMail", "newMail"])
        for (const { token } of busy.filter(({ platform }) => down.includes(platform)))
          expect(new Set(received.get(token)?.map(({ kind }) => kind)), token).toEqual(new Set(["summary"]))

        expect(yield* world.ews.count("subscribe")).toBe(subscribed)
        for (const { address, token } of [rare[0]!, busy[0]!, busy.at(-1)!])
          expect(yield* ens.status(address, token)).toMatchObject({ state: "Active" })
      }),
    {},
    Effect.tap(stage, (made) => {
      push = made
    })
  )
}

describe("200 mails a second while", () => {
  it.scopedLive(
    "one of two gateways is away for 10 minutes are all told of once, and nobody is lost",
    scenario({ minutes: 10, users: 320, atOnce: 20, down: ["iOS"] }),
    60_000
  )

  it.scopedLive(
    "both gateways are away for 10 minutes are all told of once, and nobody is lost",
    scenario({ minutes: 10, users: 320, atOnce: 20, down: ["iOS", "Android"] }),
    60_000
  )

  it.scopedLive(
    "one of two gateways is away for an hour are all told of once, and nobody is lost",
    scenario({ minutes: 60, users: 620, atOnce: 100, down: ["Android"] }),
    120_000
  )

  it.scopedLive(
    "both gateways are away for an hour are all told of once, and nobody is lost",
    scenario({ minutes: 60, users: 620, atOnce: 100, down: ["iOS", "Android"] }),
    120_000
  )
})
