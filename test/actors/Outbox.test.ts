import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Outbox from "../../actors/Outbox.ts"
import { Subscriptions } from "../../actors/Subscriptions.ts"
import type { Gateway } from "../../layers/push/Gateway.ts"
import { Push } from "../../layers/push/Push.ts"
import * as PushStage from "../../layers/push/PushStage.ts"
import { STRIKES } from "../../layers/push/Suspects.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { UserNumber } from "../../schemas/Ids.ts"
import { isFinal, Verdict } from "../../schemas/Push.ts"
import { settingsOf } from "../support/CryptoFixture.ts"
import { notification } from "../support/Notifications.ts"
import { StepClock } from "../support/StepClock.ts"

const MINUTE = 60_000

/** The outbox over the real push stage: users wait by number, the longest waiting first, and each has one notification. */
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
          Layer.provide(Layer.succeed(Push, push)),
          Layer.provide(Layer.succeed(Subscriptions, { ask } as unknown as Subscriptions["Type"])),
          Layer.provide(
            Layer.succeed(Storage, {
              ...storage,
              outboxUsers: (_, limit) =>
                Effect.sync(() => [...waiting].slice(0, limit).map((user) => String(user) as UserNumber))
            })
          ),
          Layer.provide(settingsOf({}))
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
      expect(asked.length).toBeLessThan(30)
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
