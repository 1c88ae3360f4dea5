import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Metric, Scope, TestClock } from "effect"
import { PROBE_FIRST } from "../../../layers/net/Outage.ts"
import * as PushMetrics from "../../../layers/push/PushMetrics.ts"
import * as PushStage from "../../../layers/push/PushStage.ts"
import { RETRIES_MAX } from "../../../layers/push/Retries.ts"
import { Verdict } from "../../../schemas/Push.ts"
import { notification } from "../../support/Notifications.ts"
import * as ScriptedGateway from "../../support/ScriptedGateway.ts"

const delivered = Verdict.Delivered()
const down = Verdict.GatewayDown({ reason: "no route" })
const settle = Effect.yieldNow().pipe(Effect.repeatN(20))

/** A gateway that answers each request with the next verdict, and `Delivered` after the last. */
const answering = (...script: ReadonlyArray<Verdict>) =>
  Effect.gen(function* () {
    const times: Array<number> = []
    const clock = yield* Effect.clock
    const gateway = {
      name: "sns" as const,
      batchSize: 1,
      slots: 1,
      send: () =>
        Effect.sync(() => {
          times.push(clock.unsafeCurrentTimeMillis())
          return [script[times.length - 1] ?? delivered]
        })
    }
    const push = yield* PushStage.make({ ios: gateway, android: gateway })
    return { push, times }
  })

describe("a notification with a deadline", () => {
  it.scoped("is sent again after the time that the gateway asks for, and soon after it", () =>
    Effect.gen(function* () {
      const { push, times } = yield* answering(Verdict.RetryLater({ after: 3_000 }))
      const fiber = yield* Effect.fork(push.send(notification(1), 9_000))
      yield* TestClock.adjust(3_000)
      expect(times).toEqual([0])
      yield* TestClock.adjust(300)
      expect(times).toHaveLength(2)
      expect(yield* Fiber.join(fiber)).toEqual(delivered)
    })
  )

  it.scoped("is not waited for when the gateway asks for more time than is left", () =>
    Effect.gen(function* () {
      const later = Verdict.RetryLater({ after: 10_000 })
      const { push, times } = yield* answering(later)
      expect(yield* push.send(notification(1), 9_000)).toEqual(later)
      expect(times).toEqual([0])
    })
  )

  it.scoped("is tried again with growing pauses when none is asked for, and a bounded number of times", () =>
    Effect.gen(function* () {
      const later = Verdict.RetryLater({ after: 0 })
      const { push, times } = yield* answering(...Array.from({ length: 50 }, () => later))
      const before = (yield* Metric.value(PushMetrics.retries("sns"))).count
      const fiber = yield* Effect.fork(push.send(notification(1), 3_600_000))
      for (let i = 0; i < 200; i++) yield* TestClock.adjust(100)
      expect(yield* Fiber.join(fiber)).toEqual(later)
      expect(times).toHaveLength(1 + RETRIES_MAX)
      expect((yield* Metric.value(PushMetrics.retries("sns"))).count - before).toBe(RETRIES_MAX)
      const pauses = times.slice(1).map((time, i) => time - times[i]!)
      for (const [i, pause] of pauses.slice(0, 4).entries()) {
        expect(pause).toBeGreaterThanOrEqual(125 * 2 ** i)
        expect(pause).toBeLessThanOrEqual(250 * 2 ** i + 100)
      }
    })
  )

  it.scoped("waits for the first probe of an outage, and one of many is that probe", () =>
    Effect.gen(function* () {
      const { push, times } = yield* answering(down)
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], (n) =>
        Effect.fork(push.send(notification(n), 9_000))
      )
      yield* TestClock.adjust(PROBE_FIRST - 1)
      expect(times).toEqual([0])
      for (let i = 0; i < 20; i++) yield* TestClock.adjust(100)
      const verdicts = yield* Effect.all(fibers.map(Fiber.join))
      expect(verdicts).toEqual(verdicts.map(() => delivered))
      expect(times).toHaveLength(1 + 5)
    })
  )

  it.scoped("waits no longer once the probe has failed, nor does anyone who comes later", () =>
    Effect.gen(function* () {
      const { push, times } = yield* answering(...Array.from({ length: 9 }, () => down))
      const fibers = yield* Effect.forEach([1, 2, 3], (n) => Effect.fork(push.send(notification(n), 9_000)))
      for (let i = 0; i < 60; i++) yield* TestClock.adjust(100)
      expect(yield* Effect.all(fibers.map(Fiber.join))).toEqual([down, down, down])
      expect(times).toHaveLength(2)
      expect(yield* push.send(notification(4), 60_000)).toEqual(down)
    })
  )

  it.scoped("is not tried again once it has its verdict", () =>
    Effect.gen(function* () {
      const dead = Verdict.TokenDead({ since: undefined })
      const rejected = Verdict.Rejected({ reason: "bad" })
      const { push, times } = yield* answering(dead, rejected)
      expect(yield* push.send(notification(1), 9_000)).toEqual(dead)
      expect(yield* push.send(notification(2), 9_000)).toEqual(rejected)
      expect(times).toHaveLength(2)
    })
  )

  it.scoped("leaves nothing behind when its sender gives up", () =>
    Effect.gen(function* () {
      const { push, times } = yield* answering(Verdict.RetryLater({ after: 1_000 }))
      const fiber = yield* Effect.fork(push.send(notification(1), 9_000))
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 minute")
      expect(times).toHaveLength(1)
      expect(yield* push.health).toMatchObject([{ waiting: 0, underWay: 0 }])
    })
  )

  it.effect("is answered when the service stops while it waits for its next try", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { push, times } = yield* answering(Verdict.RetryLater({ after: 5_000 })).pipe(Scope.extend(scope))
      const fiber = yield* Effect.fork(push.send(notification(1), 9_000))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      expect(yield* Fiber.join(fiber)).toEqual(Verdict.RetryLater({ after: 0 }))
      expect(times).toHaveLength(1)
    })
  )

  it.effect("is not kept when the service stops", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const gateway = ScriptedGateway.make({})
      const push = yield* PushStage.make({ ios: gateway, android: gateway }).pipe(Scope.extend(scope))
      const fiber = yield* Effect.fork(push.send(notification(1), 60_000))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      expect(yield* Fiber.join(fiber)).toEqual(Verdict.RetryLater({ after: 0 }))
    })
  )
})

describe("a notification without a deadline", () => {
  it.scoped("is tried once", () =>
    Effect.gen(function* () {
      const later = Verdict.RetryLater({ after: 0 })
      const { push, times } = yield* answering(later)
      expect(yield* push.send(notification(1))).toEqual(later)
      expect(times).toHaveLength(1)
    })
  )
})
