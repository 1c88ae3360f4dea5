import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Outbox from "../../actors/Outbox.ts"
import { RATE_FIRST, RATE_MOST } from "../../actors/OutboxPace.ts"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import * as Ownership from "../../layers/ownership/Ownership.ts"
import type { Gateway } from "../../layers/push/Gateway.ts"
import { Push } from "../../layers/push/Push.ts"
import * as PushStage from "../../layers/push/PushStage.ts"
import { STRIKES } from "../../layers/push/Suspects.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import { isFinal, Verdict } from "../../schemas/Push.ts"
import { notification } from "../support/Notifications.ts"
import { StepClock } from "../support/StepClock.ts"

const MINUTE = 60_000

/** The outbox over the real push stage: users wait by number, the longest waiting first, and each has one notification for an iPhone. */
const outboxOf = (gateway: Pick<Gateway, "send">) =>
  Effect.gen(function* () {
    const clock = new StepClock(1_760_000_000_000)
    const waiting = new Set<number>()
    yield* Effect.gen(function* () {
      const both = { name: "cns" as const, batchSize: 25, slots: 4, ...gateway }
      const push = yield* PushStage.make({ ios: both, android: both })
      const storage = yield* Storage
      const ask = (user: UserNumber) =>
        Effect.map(push.send(notification(Number(user))), (verdict) => {
          if (!isFinal(verdict)) return 0
          waiting.delete(Number(user))
          return 1
        })
      yield* Layer.build(
        Outbox.layer.pipe(
          Layer.provide(Ownership.layerAll),
          Layer.provide(Layer.succeed(Push, push)),
          Layer.provide(Layer.succeed(Subscriptions, { ask } as unknown as Subscriptions["Type"])),
          Layer.provide(
            Layer.succeed(Storage, {
              ...storage,
              outboxUsers: (platform, limit) =>
                Effect.sync(() =>
                  platform === "iOS"
                    ? [...waiting].slice(0, limit).map((user) => String(user) as UserNumber)
                    : []
                )
            })
          )
        )
      )
    }).pipe(Effect.provide(MemoryStorage.layer), Effect.withClock(clock))
    return { clock, waiting }
  })

const POISON = 1

/** Fails every request that POISON is in. */
const stumbling = () => {
  const poisoned: Array<number> = []
  const gateway: Pick<Gateway, "send"> = {
    send: (batch) =>
      Effect.sync(() => {
        if (!batch.some(({ id }) => id === `id-${POISON}`)) return batch.map(() => Verdict.Delivered())
        poisoned.push(batch.length)
        return batch.map(() => Verdict.GatewayDown({ reason: "HTTP 500" }))
      })
  }
  return { gateway, poisoned }
}

describe("the outbox, with a notification that its gateway stumbles over", () => {
  it.scopedLive("delivers everybody else's, also those that come later", () =>
    Effect.gen(function* () {
      const { gateway } = stumbling()
      const { clock, waiting } = yield* outboxOf(gateway)
      for (let user = 1; user <= 100; user++) waiting.add(user)
      yield* clock.advance(MINUTE, 1_000)
      expect([...waiting]).toEqual([POISON])
      waiting.add(101)
      yield* clock.advance(70_000, 1_000)
      expect(waiting.has(101)).toBe(false)
    })
  )

  it.scopedLive("gives it up after some failures between deliveries, and not before", () =>
    Effect.gen(function* () {
      const { gateway, poisoned } = stumbling()
      const { clock, waiting } = yield* outboxOf(gateway)
      waiting.add(POISON)
      yield* clock.advance(30 * MINUTE, 1_000)
      expect([...waiting]).toEqual([POISON])
      const before = poisoned.length
      for (let user = 2; user <= 2 + STRIKES; user++) {
        waiting.add(user)
        yield* clock.advance(2 * MINUTE, 1_000)
      }
      expect([...waiting]).toEqual([])
      expect(poisoned.length).toBeGreaterThan(before)
    })
  )
})

describe("the outbox, while its gateway is down", () => {
  it.scopedLive("asks one user at a time, another one each time, and none of them is given up", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      let isDown = true
      const { clock, waiting } = yield* outboxOf({
        send: (batch) =>
          Effect.sync(() => {
            asked.push(...batch.map(({ id }) => id))
            return batch.map(() =>
              isDown ? Verdict.GatewayDown({ reason: "HTTP 500" }) : Verdict.Delivered()
            )
          })
      })
      for (const user of [1, 2, 3]) waiting.add(user)
      yield* clock.advance(20 * MINUTE, 1_000)
      expect(waiting.size).toBe(3)
      expect(asked.length).toBeLessThan(70)
      expect(asked.slice(0, 3)).toEqual(["id-1", "id-2", "id-3"])
      isDown = false
      yield* clock.advance(2 * MINUTE, 1_000)
      expect(waiting.size).toBe(0)
    })
  )

  it.scopedLive("does not wait longer than the gateway's own probes when only one user waits", () =>
    Effect.gen(function* () {
      const times: Array<number> = []
      const { clock, waiting } = yield* outboxOf({
        send: (batch) =>
          Effect.sync(() => {
            times.push(clock.now)
            return batch.map(() => Verdict.GatewayDown({ reason: "HTTP 500" }))
          })
      })
      waiting.add(1)
      yield* clock.advance(40_000, 1_000)
      // At once, and 5, 10 and 20 s after the failure before.
      expect(times).toHaveLength(4)
    })
  )
})

describe("the outbox, when its gateway is back", () => {
  it.scopedLive(
    "sends what 20,000 users wait for within a minute, gently at first and at a bounded rate",
    () =>
      Effect.gen(function* () {
        let isDown = true
        let sent = 0
        const { clock, waiting } = yield* outboxOf({
          send: (batch) =>
            Effect.sync(() => {
              if (isDown) return batch.map(() => Verdict.GatewayDown({ reason: "HTTP 503" }))
              sent += batch.length
              return batch.map(() => Verdict.Delivered())
            })
        })
        for (let user = 1; user <= 20_000; user++) waiting.add(user)
        yield* clock.advance(10 * MINUTE, 1_000)
        expect(waiting.size).toBe(20_000)
        isDown = false
        const perSecond: Array<number> = []
        for (let second = 0; second < 60; second++) {
          const before = sent
          yield* clock.advance(1_000, 1_000)
          if (sent > before) perSecond.push(sent - before)
        }
        expect(waiting.size).toBe(0)
        // One finds out, and then they come.
        expect(perSecond.slice(0, 3)).toEqual([1, RATE_FIRST, 2 * RATE_FIRST])
        expect(Math.max(...perSecond)).toBe(RATE_MOST)
      })
  )

  it.scopedLive("does not insist on more than it takes, and gets everything through all the same", () =>
    Effect.gen(function* () {
      const CAPACITY = 300
      let taken = 0
      let throttled = 0
      const { clock, waiting } = yield* outboxOf({
        send: (batch) =>
          Effect.sync(() =>
            batch.map(() => {
              if (taken++ < CAPACITY) return Verdict.Delivered()
              throttled++
              return Verdict.RetryLater({ after: 2_000, everyone: true })
            })
          )
      })
      for (let user = 1; user <= 5_000; user++) waiting.add(user)
      for (let second = 0; second < 120; second++) {
        taken = 0
        yield* clock.advance(1_000, 1_000)
      }
      expect(waiting.size).toBe(0)
      expect(throttled).toBeGreaterThan(0)
      expect(throttled).toBeLessThan(1_000)
    })
  )

  it.scopedLive("does not wait for the other platform's, which answers nothing", () =>
    Effect.gen(function* () {
      const clock = new StepClock(1_760_000_000_000)
      const asked: Array<string> = []
      const waiting = new Map([
        ["iOS", new Set(["1", "2"])],
        ["Android", new Set(["3"])]
      ])
      yield* Layer.build(
        Outbox.layer.pipe(
          Layer.provide(Ownership.layerAll),
          Layer.provide(Layer.mock(Push, { isUp: () => true, post: () => () => {} })),
          Layer.provide(
            Layer.succeed(Subscriptions, {
              ask: (user: UserNumber) => {
                asked.push(user)
                return waiting.get("iOS")?.delete(user)
                  ? Effect.never
                  : Effect.sync(() => Number(waiting.get("Android")?.delete(user)))
              }
            } as unknown as Subscriptions["Type"])
          ),
          Layer.provide(
            Layer.mock(Storage, {
              location: "memory",
              outboxUsers: (platform) =>
                Effect.sync(() => [...(waiting.get(platform) ?? [])] as Array<UserNumber>)
            })
          )
        )
      ).pipe(Effect.withClock(clock))
      yield* clock.advance(3_000, 1_000)
      expect(asked).toContain("3")
      waiting.get("Android")?.add("4")
      yield* clock.advance(3_000, 1_000)
      expect(asked).toContain("4")
    })
  )
})
