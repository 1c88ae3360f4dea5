import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Generation, SubscriptionId } from "../../schemas/Ids.ts"
import { EWS_URL, inWorld, MINUTE, OTHER_URL, type Process, type World } from "../support/ActorFixture.ts"

const USERS = 10_000
const RENEW_RATE = 200
/** After a start ten times as many are noticed as are asked. */
const NOTICED_PER_SECOND = 10 * RENEW_RATE

/** Users whom nobody has called back for since an hour before `start`. */
const silentFor = (world: World, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => index),
    (index) =>
      Effect.gen(function* () {
        const user = yield* world.user(`user-${index}@example.com`)
        const subscribed = {
          user,
          generation: 1 as Generation,
          subscriptionId: `subscription ${index}` as SubscriptionId,
          watermark: null,
          ewsUrl: index % 2 === 0 ? EWS_URL : OTHER_URL,
          exchangeVersion: "Exchange2016" as const,
          authType: "Basic" as const,
          tokenExpiresAt: null,
          subscribedAt: world.clock.now - 60 * MINUTE,
          form: null,
          unread: null
        }
        const device = {
          token: `phone-${index}`,
          platform: "iOS" as const,
          bundleId: "com.example.mail",
          deviceId: null,
          policy: 1 as const,
          sound: null,
          environment: "production" as const,
          registeredAt: subscribed.subscribedAt
        }
        yield* world.storage.saveSubscribed(subscribed, new Uint8Array(16), device)
        // Confirmed long ago.
        const since = { link: "Active" as const, linkSince: subscribed.subscribedAt, nudges: 0 }
        yield* world.storage.saveLinks([{ user, generation: subscribed.generation, ...since }])
      }),
    { discard: true }
  )

const started = (world: World) =>
  Effect.gen(function* () {
    const ens = yield* world.startWith({ renewRate: RENEW_RATE })
    for (let i = 0; i < 100 && !ens.subscriptions.loaded(); i++) yield* world.settled
    expect(yield* ens.subscriptions.count).toBe(USERS)
    return ens
  })

const noticed = (world: World): number =>
  world.lines.filter(({ text }) => text.includes("silent for too long")).length

/** Timers and turns go on in slices, which the clock does not wait for. */
const quiet = (world: World) =>
  Effect.gen(function* () {
    for (let before = -1; before < noticed(world); ) {
      before = noticed(world)
      yield* world.settled
    }
  })

const asked = (world: World) =>
  Effect.map(
    world.push.attempts,
    (all) => all.filter(({ notification }) => notification.kind === "resubscribe").length
  )

const stateOf = (ens: Process, index: number) =>
  ens
    .status(`user-${index}@example.com`)
    .pipe(Effect.map((told) => ("state" in told ? told.state : undefined)))

describe("ten thousand subscriptions that stay silent after a start", () => {
  it.scopedLive(
    "are not overdue before StatusFrequency + 2 min, are noticed at a bounded rate then and asked at another",
    inWorld((world) =>
      Effect.gen(function* () {
        yield* silentFor(world, USERS)
        const ens = yield* started(world)
        yield* world.advance(17 * MINUTE - 1_000, MINUTE)
        expect(noticed(world)).toBe(0)
        yield* world.advance(1_000)
        let most = 0
        let before = noticed(world)
        for (let second = 0; second < USERS / NOTICED_PER_SECOND + 5; second++) {
          yield* world.advance(1_000)
          yield* quiet(world)
          const now = noticed(world)
          most = Math.max(most, now - before)
          before = now
        }
        expect(before).toBe(USERS)
        expect(most).toBeLessThan(NOTICED_PER_SECOND * 2)
        expect(yield* stateOf(ens, 77)).toBe("Overdue")
        // Both hosts are held, with one alarm each.
        expect(world.logged("ERROR").filter((text) => text.includes("do not reach us"))).toHaveLength(2)
        yield* world.advance(29 * MINUTE, MINUTE)
        expect(yield* asked(world)).toBe(0)
        // And are let go half an hour after the last one fell silent.
        yield* world.advance(MINUTE + 6_000)
        const first = yield* asked(world)
        yield* world.advance(5_000, 200)
        const rate = ((yield* asked(world)) - first) / 5
        expect(rate).toBeGreaterThan(RENEW_RATE / 5)
        expect(rate).toBeLessThanOrEqual(RENEW_RATE * 1.1)
      })
    ),
    60_000
  )
})
