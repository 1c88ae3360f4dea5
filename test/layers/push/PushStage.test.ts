import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, LogLevel, Metric, Scope, TestClock } from "effect"
import { PROBE_FIRST } from "../../../layers/net/Outage.ts"
import type { Push } from "../../../layers/push/Push.ts"
import * as PushMetrics from "../../../layers/push/PushMetrics.ts"
import * as PushStage from "../../../layers/push/PushStage.ts"
import { REQUEST_LONGEST } from "../../../layers/push/StageEntry.ts"
import { STALLED_AFTER } from "../../../layers/push/StageHealth.ts"
import { Verdict } from "../../../schemas/Push.ts"
import { notification } from "../../support/Notifications.ts"
import * as ScriptedGateway from "../../support/ScriptedGateway.ts"

const delivered = Verdict.Delivered()
const gatewayDown = Verdict.GatewayDown({ reason: "no route" })

/** Lets every fiber run until it waits for something. */
const settle = Effect.yieldNow().pipe(Effect.repeatN(20))

/** Forks the sends one after the other, so that their order is certain. */
const sendAll = Effect.fnUntraced(function* (push: Push["Type"], numbers: ReadonlyArray<number>) {
  const fibers = []
  for (const n of numbers) {
    fibers.push(yield* Effect.fork(push.send(notification(n))))
    yield* settle
  }
  return fibers
})

const one = (options: Parameters<typeof ScriptedGateway.make>[0] = {}, waitingMax?: number) =>
  Effect.gen(function* () {
    const gateway = ScriptedGateway.make(options)
    const push = yield* PushStage.make({ ios: gateway, android: gateway }, waitingMax)
    const ids = () => gateway.requests.map((request) => request.batch.map((it) => it.id).join(" "))
    return { gateway, push, ids }
  })

describe("batches", () => {
  it.scoped("form only while all slots are busy, and take what waits up to their size", () =>
    Effect.gen(function* () {
      const { gateway, push, ids } = yield* one({ slots: 2, batchSize: 3 })
      const fibers = yield* sendAll(push, [1, 2, 3, 4, 5, 6])
      expect(ids()).toEqual(["id-1", "id-2"])
      yield* gateway.requests[1]!.answer(delivered)
      yield* settle
      expect(ids()).toEqual(["id-1", "id-2", "id-3 id-4 id-5"])
      yield* gateway.requests[0]!.answer(delivered)
      yield* settle
      expect(ids()[3]).toBe("id-6")
      yield* gateway.requests[2]!.answer([delivered, Verdict.Rejected({ reason: "no" }), delivered])
      yield* gateway.requests[3]!.answer(Verdict.TokenDead({ since: 5 }))
      const verdicts = yield* Effect.all(fibers.map(Fiber.join))
      expect(verdicts.map((verdict) => verdict._tag)).toEqual([
        "Delivered",
        "Delivered",
        "Delivered",
        "Rejected",
        "Delivered",
        "TokenDead"
      ])
    })
  )

  it.scoped("an idle gateway is used at once, also after it was busy", () =>
    Effect.gen(function* () {
      const { gateway, push, ids } = yield* one()
      for (const n of [1, 2, 3]) {
        const [fiber] = yield* sendAll(push, [n])
        yield* gateway.requests[n - 1]!.answer(delivered)
        expect(yield* Fiber.join(fiber!)).toEqual(delivered)
      }
      expect(ids()).toEqual(["id-1", "id-2", "id-3"])
    })
  )

  it.scoped("a sender that gives up takes its own notification out and nobody else's", () =>
    Effect.gen(function* () {
      const { gateway, push, ids } = yield* one()
      const fibers = yield* sendAll(push, [1, 2, 3])
      yield* Fiber.interrupt(fibers[1]!)
      yield* gateway.requests[0]!.answer(delivered)
      yield* settle
      expect(ids()).toEqual(["id-1", "id-3"])
      const more = yield* sendAll(push, [4, 5])
      yield* gateway.requests[1]!.answer(delivered)
      yield* settle
      yield* Fiber.interrupt(more[0]!)
      yield* gateway.requests[2]!.answer(delivered)
      expect(yield* Fiber.join(more[1]!)).toEqual(delivered)
      expect(ids()).toEqual(["id-1", "id-3", "id-4 id-5"])
    })
  )

  it.scoped("no more wait than the queue holds", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* one({}, 2)
      const fibers = yield* sendAll(push, [1, 2, 3])
      expect(push.isUp("iOS")).toBe(false)
      expect(yield* push.send(notification(4))).toEqual(Verdict.GatewayDown({ reason: "queue full" }))
      yield* gateway.requests[0]!.answer(delivered)
      yield* settle
      yield* gateway.requests[1]!.answer(delivered)
      expect(yield* Effect.all(fibers.map(Fiber.join))).toEqual([delivered, delivered, delivered])
      expect(push.isUp("iOS")).toBe(true)
    })
  )

  it.scoped("each platform has its own gateway's queue", () =>
    Effect.gen(function* () {
      const ios = ScriptedGateway.make({ name: "apns" })
      const android = ScriptedGateway.make({ name: "fcm" })
      const push = yield* PushStage.make({ ios, android })
      yield* sendAll(push, [1, 2])
      const fiber = yield* Effect.fork(push.send(notification(3, { platform: "Android" })))
      yield* settle
      yield* android.requests[0]!.answer(delivered)
      expect(yield* Fiber.join(fiber)).toEqual(delivered)
      yield* ios.requests[0]!.answer(gatewayDown)
      yield* settle
      expect([push.isUp("iOS"), push.isUp("Android")]).toEqual([false, true])
      expect((yield* push.health).map((it) => [it.gateway, it.up])).toEqual([
        ["apns", false],
        ["fcm", true]
      ])
    })
  )
})

describe("a gateway that is down", () => {
  const broken = Effect.gen(function* () {
    const stage = yield* one({ slots: 1 })
    const fibers = yield* sendAll(stage.push, [1, 2, 3])
    yield* stage.gateway.requests[0]!.answer(gatewayDown)
    return { ...stage, verdicts: yield* Effect.all(fibers.map(Fiber.join)) }
  })

  it.scoped("answers those that wait and those that come, without being asked", () =>
    Effect.gen(function* () {
      const { gateway, push, verdicts } = yield* broken
      expect(verdicts).toEqual([gatewayDown, gatewayDown, gatewayDown])
      expect(yield* push.send(notification(4))).toEqual(gatewayDown)
      expect(gateway.requests).toHaveLength(1)
      expect(push.isUp("iOS")).toBe(false)
      expect(yield* push.health).toMatchObject([
        { gateway: "cns", up: false, lastError: "no route", lastErrorAt: 0, downSince: 0 }
      ])
    })
  )

  it.scoped("is probed by one notification after 5 s, then at growing distance, at most 20 s", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* broken
      for (const [i, wait] of [5, 10, 20, 20, 20].entries()) {
        yield* TestClock.adjust(wait * 1000 - 1)
        expect(push.isUp("iOS")).toBe(false)
        expect(yield* push.send(notification(9))).toEqual(gatewayDown)
        expect(gateway.requests).toHaveLength(i + 1)
        yield* TestClock.adjust(1)
        expect(push.isUp("iOS")).toBe(true)
        const [probe] = yield* sendAll(push, [10 + i])
        expect(gateway.requests).toHaveLength(i + 2)
        expect(push.isUp("iOS")).toBe(false)
        expect(yield* push.send(notification(9))).toEqual(gatewayDown)
        yield* gateway.requests[i + 1]!.answer(gatewayDown)
        expect(yield* Fiber.join(probe!)).toEqual(gatewayDown)
      }
    })
  )

  it.scoped("is up again at the first answer that says anything else", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* broken
      yield* TestClock.adjust(PROBE_FIRST)
      const [probe] = yield* sendAll(push, [4])
      yield* gateway.requests[1]!.answer(Verdict.Rejected({ reason: "bad" }))
      yield* Fiber.join(probe!)
      expect(push.isUp("iOS")).toBe(true)
      expect(yield* push.health).toMatchObject([
        { gateway: "cns", up: true, downSince: undefined, lastError: "bad", lastErrorAt: PROBE_FIRST }
      ])
      const [next] = yield* sendAll(push, [5])
      yield* gateway.requests[2]!.answer(delivered)
      expect(yield* Fiber.join(next!)).toEqual(delivered)
    })
  )

  it.scoped("is up again when a request answers that was under way as it went down", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* one({ slots: 2 })
      const fibers = yield* sendAll(push, [1, 2])
      yield* gateway.requests[0]!.answer(gatewayDown)
      yield* settle
      expect(push.isUp("iOS")).toBe(false)
      yield* gateway.requests[1]!.answer(delivered)
      expect(yield* Fiber.join(fibers[1]!)).toEqual(delivered)
      expect(push.isUp("iOS")).toBe(true)
    })
  )

  it.scoped("a probe whose sender gave up still tells how the gateway is", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* broken
      yield* TestClock.adjust(PROBE_FIRST)
      const [probe] = yield* sendAll(push, [4])
      yield* Fiber.interrupt(probe!)
      yield* gateway.requests[1]!.answer(delivered)
      yield* settle
      expect((yield* push.health)[0]!.up).toBe(true)
    })
  )

  it.scoped("a probe that crashes the gateway leaves the way to another one", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* broken
      yield* TestClock.adjust(PROBE_FIRST)
      const [probe] = yield* sendAll(push, [4])
      yield* gateway.requests[1]!.crash("boom")
      yield* Fiber.join(probe!)
      expect((yield* push.health)[0]!.up).toBe(false)
      yield* sendAll(push, [5])
      expect(gateway.requests).toHaveLength(3)
    })
  )

  it.scoped("a batch with one verdict that is not GatewayDown leaves it up", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* one()
      const fibers = yield* sendAll(push, [1, 2, 3])
      yield* gateway.requests[0]!.answer(delivered)
      yield* settle
      yield* gateway.requests[1]!.answer([gatewayDown, delivered])
      yield* Effect.all(fibers.map(Fiber.join))
      expect(push.isUp("iOS")).toBe(true)
    })
  )

  it.scoped("one that never answers is given up and counts as down", () =>
    Effect.gen(function* () {
      const { push } = yield* one()
      const [fiber] = yield* sendAll(push, [1])
      yield* TestClock.adjust(REQUEST_LONGEST)
      expect((yield* Fiber.join(fiber!))._tag).toBe("GatewayDown")
      expect(push.isUp("iOS")).toBe(false)
    })
  )
})

describe("a gateway that throttles", () => {
  const throttle = (after: number) => Verdict.RetryLater({ after, everyone: true })

  it.scoped("is left alone for the time it named, and is not down", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* one()
      const fibers = yield* sendAll(push, [1, 2])
      yield* gateway.requests[0]!.answer(throttle(30_000))
      expect(yield* Effect.all(fibers.map(Fiber.join))).toEqual([throttle(30_000), throttle(30_000)])
      yield* TestClock.adjust(10_000)
      expect(yield* push.send(notification(3))).toEqual(throttle(20_000))
      expect(push.isUp("iOS")).toBe(false)
      expect((yield* push.health)[0]!.up).toBe(true)
      yield* TestClock.adjust(20_000)
      expect(push.isUp("iOS")).toBe(true)
      yield* sendAll(push, [4])
      expect(gateway.requests).toHaveLength(2)
    })
  )

  it.scoped("is asked again after five minutes, whatever it named, and after 5 s if it named nothing", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* one()
      yield* sendAll(push, [1])
      yield* gateway.requests[0]!.answer(throttle(86_400_000))
      yield* TestClock.adjust("5 minutes")
      yield* sendAll(push, [2])
      yield* gateway.requests[1]!.answer(throttle(0))
      yield* settle
      expect(push.isUp("iOS")).toBe(false)
      yield* TestClock.adjust("5 seconds")
      expect(push.isUp("iOS")).toBe(true)
    })
  )

  it.scoped("one device's RetryLater holds nobody else up", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* one()
      const [fiber] = yield* sendAll(push, [1])
      yield* gateway.requests[0]!.answer(Verdict.RetryLater({ after: 60_000 }))
      expect(yield* Fiber.join(fiber!)).toEqual(Verdict.RetryLater({ after: 60_000 }))
      expect(push.isUp("iOS")).toBe(true)
    })
  )
})

describe("a gateway with a bug", () => {
  it.scoped("that crashes costs its batch a later try, and nobody else anything", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* one()
      const fibers = yield* sendAll(push, [1, 2])
      yield* gateway.requests[0]!.crash("boom")
      expect(yield* Fiber.join(fibers[0]!)).toEqual(Verdict.RetryLater({ after: 0 }))
      yield* gateway.requests[1]!.answer(delivered)
      expect(yield* Fiber.join(fibers[1]!)).toEqual(delivered)
    })
  )

  it.scoped("that crashes is reported by kind and place, without its words", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => lines.push(String(message)))
      const { gateway, push } = yield* one().pipe(
        Effect.provide(
          Layer.merge(Logger.replace(Logger.defaultLogger, logger), Logger.minimumLogLevel(LogLevel.All))
        )
      )
      const [fiber] = yield* sendAll(push, [1])
      yield* gateway.requests[0]!.crash("cannot encode Subject 1")
      yield* Fiber.join(fiber!)
      yield* settle
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/^Push gateway cns crashed: TypeError at .*ScriptedGateway/)
      expect(lines[0]).not.toContain("Subject")
    })
  )

  it.scoped("that forgets verdicts leaves nobody waiting", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* one()
      const [fiber] = yield* sendAll(push, [1])
      yield* gateway.requests[0]!.answer([])
      expect(yield* Fiber.join(fiber!)).toEqual(Verdict.RetryLater({ after: 0 }))
    })
  )
})

describe("metrics", () => {
  it.scoped("count every verdict once, refusals by the circuit included", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* one({ name: "sns" })
      const counts = Effect.all(
        (["Delivered", "GatewayDown"] as const).map((tag) => Metric.value(PushMetrics.verdicts("sns", tag)))
      ).pipe(Effect.map((states) => states.map((state) => state.count)))
      const fibers = yield* sendAll(push, [1, 2, 3])
      yield* gateway.requests[0]!.answer(delivered)
      yield* settle
      expect((yield* Metric.value(PushMetrics.down("sns"))).value).toBe(0)
      yield* gateway.requests[1]!.answer(gatewayDown)
      yield* Effect.all(fibers.map(Fiber.join))
      yield* push.send(notification(4))
      expect(yield* counts).toEqual([1, 3])
      expect((yield* Metric.value(PushMetrics.failures("sns", "other"))).count).toBe(3)
      expect((yield* Metric.value(PushMetrics.down("sns"))).value).toBe(1)
    })
  )
})

describe("health", () => {
  it.scoped("tells what is under way, what waits and since when", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* one()
      yield* sendAll(push, [1])
      yield* TestClock.adjust(1_000)
      yield* sendAll(push, [2])
      yield* TestClock.adjust(1_000)
      yield* sendAll(push, [3])
      expect(yield* push.health).toMatchObject([{ underWay: 1, waiting: 2, oldestWaiting: 1_000 }])
      yield* gateway.requests[0]!.answer(delivered)
      yield* settle
      yield* gateway.requests[1]!.answer(delivered)
      yield* settle
      expect(yield* push.health).toMatchObject([{ underWay: 0, waiting: 0, oldestWaiting: undefined }])
    })
  )

  it.scoped("tells of a gateway that does not answer, until it does", () =>
    Effect.gen(function* () {
      const { gateway, push } = yield* one({ slots: 2 })
      yield* TestClock.adjust("1 minute")
      yield* sendAll(push, [1, 2])
      const since = 60_000
      expect((yield* push.health)[0]!.stalledSince).toBeUndefined()
      yield* TestClock.adjust(STALLED_AFTER)
      expect((yield* push.health)[0]!.stalledSince).toBe(since)
      yield* gateway.requests[1]!.answer(delivered)
      yield* settle
      expect((yield* push.health)[0]!.stalledSince).toBeUndefined()
    })
  )

  it.scoped("names the ends of what the gateway cannot do without", () =>
    Effect.gen(function* () {
      const gateway = { ...ScriptedGateway.make({}), expires: [{ what: "cns", at: 7 }] }
      const push = yield* PushStage.make({ ios: gateway, android: gateway })
      expect((yield* push.health)[0]!.expires).toEqual([{ what: "cns", at: 7 }])
    })
  )
})

describe("shutting down", () => {
  it.effect("answers everybody, under way or waiting", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { push } = yield* one().pipe(Scope.extend(scope))
      const fibers = yield* sendAll(push, [1, 2])
      yield* Scope.close(scope, Exit.void)
      const later = Verdict.RetryLater({ after: 0 })
      expect(yield* Effect.all(fibers.map(Fiber.join))).toEqual([later, later])
      expect(yield* push.send(notification(3))).toEqual(later)
    })
  )
})
