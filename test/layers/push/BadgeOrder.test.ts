import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import type { Push } from "../../../layers/push/Push.ts"
import * as PushStage from "../../../layers/push/PushStage.ts"
import { type PushNotification, Verdict } from "../../../schemas/Push.ts"
import { notification } from "../../support/Notifications.ts"
import * as ScriptedGateway from "../../support/ScriptedGateway.ts"

const delivered = Verdict.Delivered()
const settle = Effect.yieldNow().pipe(Effect.repeatN(20))

const badge = (number: number, token = "phone") =>
  notification(number, {
    token,
    id: "the badge",
    kind: "badge",
    payload: { aps: { badge: number }, ens: { action: "badge" } }
  })
const mail = (n: number, number: number, token = "phone") =>
  notification(n, { token, payload: { aps: { alert: { title: `mail ${n}` }, badge: number }, ens: {} } })

const stage = Effect.gen(function* () {
  const gateway = ScriptedGateway.make({ slots: 10 })
  const push = yield* PushStage.make({ ios: gateway, android: gateway })
  /** What each request carries: a mail's title, and its number. */
  const sent = () => gateway.requests.flatMap(({ batch }) => batch.map(({ payload }) => textOf(payload)))
  return { gateway, push, sent }
})

const textOf = (payload: PushNotification["payload"]) => {
  const { alert, badge } = payload.aps as { alert?: { title: string }; badge?: number }
  return [alert?.title, badge].filter((part) => part !== undefined).join(" ")
}

const begin = (push: Push["Type"], one: PushNotification, until?: number) =>
  Effect.tap(Effect.fork(push.send(one, until)), settle)

describe("numbers on one device's icon", () => {
  it.scoped("are never under way two at a time", () =>
    Effect.gen(function* () {
      const { gateway, push, sent } = yield* stage
      yield* begin(push, badge(1))
      const later = yield* begin(push, badge(2))
      expect(sent()).toEqual(["1"])
      yield* gateway.requests[0]!.answer(delivered)
      yield* settle
      expect(sent()).toEqual(["1", "2"])
      yield* gateway.requests[1]!.answer(delivered)
      expect(yield* Fiber.join(later)).toEqual(delivered)
    })
  )

  it.scoped("wait also for one whose sender has given up", () =>
    Effect.gen(function* () {
      const { gateway, push, sent } = yield* stage
      const first = yield* begin(push, badge(1))
      yield* Fiber.interrupt(first)
      yield* begin(push, mail(2, 2))
      expect(sent()).toEqual(["1"])
      yield* gateway.requests[0]!.answer(Verdict.RetryLater({ after: 0 }))
      yield* settle
      expect(sent()).toEqual(["1", "mail 2 2"])
    })
  )

  it.scoped("supersede each other while they wait, and nobody is told of a failure", () =>
    Effect.gen(function* () {
      const { gateway, push, sent } = yield* stage
      yield* begin(push, badge(1))
      const second = yield* begin(push, badge(2))
      const third = yield* begin(push, badge(3))
      yield* gateway.requests[0]!.answer(delivered)
      yield* settle
      expect(sent()).toEqual(["1", "3"])
      expect(yield* Fiber.join(second)).toEqual(delivered)
      yield* gateway.requests[1]!.answer(delivered)
      expect(yield* Fiber.join(third)).toEqual(delivered)
    })
  )

  it.scoped("never cost a mail: one with an older number goes without it", () =>
    Effect.gen(function* () {
      const { gateway, push, sent } = yield* stage
      yield* begin(push, badge(1))
      const older = yield* begin(push, mail(2, 2))
      yield* begin(push, mail(3, 3))
      yield* gateway.requests[0]!.answer(delivered)
      yield* settle
      expect(sent()).toEqual(["1", "mail 2", "mail 3 3"])
      yield* gateway.requests[1]!.answer(delivered)
      expect(yield* Fiber.join(older)).toEqual(delivered)
    })
  )

  it.scoped("that are the same hold nobody up", () =>
    Effect.gen(function* () {
      const { push, sent } = yield* stage
      for (const n of [1, 2, 3]) yield* begin(push, mail(n, 3))
      expect(sent()).toEqual(["mail 1 3", "mail 2 3", "mail 3 3"])
    })
  )

  it.scoped("do not overtake each other by a retry", () =>
    Effect.gen(function* () {
      const { gateway, push, sent } = yield* stage
      const first = yield* begin(push, badge(1), 60_000)
      const alert = yield* begin(push, mail(1, 1), 60_000)
      for (const request of gateway.requests) yield* request.answer(Verdict.RetryLater({ after: 3_000 }))
      yield* settle
      const later = yield* begin(push, badge(2), 60_000)
      yield* gateway.requests[2]!.answer(delivered)
      expect(yield* Fiber.join(later)).toEqual(delivered)
      yield* TestClock.adjust("4 seconds")
      expect(yield* Fiber.join(first)).toEqual(delivered)
      yield* gateway.requests[3]!.answer(delivered)
      expect(yield* Fiber.join(alert)).toEqual(delivered)
      expect(sent()).toEqual(["1", "mail 1 1", "2", "mail 1"])
    })
  )

  it.scoped("do not concern other devices, nor another user of the same phone", () =>
    Effect.gen(function* () {
      const { push, sent } = yield* stage
      yield* begin(push, badge(1))
      yield* begin(push, badge(2, "another"))
      const { target, ...rest } = badge(3)
      yield* begin(push, { ...rest, target: { ...target, user: "7" as never } })
      expect(sent()).toEqual(["1", "2", "3"])
    })
  )
})
