import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Push } from "../../layers/push/Push.ts"
import { Verdict } from "../../schemas/Push.ts"
import { FakePush, layer } from "./FakePush.ts"
import { notification } from "./Notifications.ts"

const dead = Verdict.TokenDead({ since: undefined })

describe("the scripted push stage", () => {
  it.effect("answers by token, then by platform, then Delivered", () =>
    Effect.gen(function* () {
      const push = yield* Push
      const fake = yield* FakePush
      yield* fake.setVerdict("iOS", Verdict.Rejected({ reason: "no" }))
      yield* fake.setVerdict({ token: "token-2" }, dead)
      expect((yield* push.send(notification(1)))._tag).toBe("Rejected")
      expect(yield* push.send(notification(2))).toEqual(dead)
      expect((yield* push.send(notification(3, { platform: "Android" })))._tag).toBe("Delivered")
      yield* fake.setVerdict("iOS", undefined)
      expect((yield* push.send(notification(1)))._tag).toBe("Delivered")
      expect(yield* fake.counters).toEqual({ calls: 4, delivered: 2, refused: 2, postponed: 0 })
      expect(yield* fake.received("token-1")).toHaveLength(1)
    }).pipe(Effect.provide(layer))
  )

  it.effect("fails the next sends, and loses answers to what reached the phone", () =>
    Effect.gen(function* () {
      const push = yield* Push
      const fake = yield* FakePush
      yield* fake.failNext(Verdict.RetryLater({ after: 1 }))
      yield* fake.loseNextAnswer()
      for (const expected of ["RetryLater", "GatewayDown", "Delivered"])
        expect((yield* push.send(notification(1)))._tag).toBe(expected)
      expect(yield* fake.received("token-1")).toHaveLength(2)
      expect(yield* fake.shown("token-1")).toHaveLength(1)
    }).pipe(Effect.provide(layer))
  )

  it.effect("goes down and comes up by platform", () =>
    Effect.gen(function* () {
      const push = yield* Push
      const fake = yield* FakePush
      yield* fake.down("Android")
      expect([push.isUp("iOS"), push.isUp("Android")]).toEqual([true, false])
      expect((yield* push.send(notification(1, { platform: "Android" })))._tag).toBe("GatewayDown")
      expect((yield* push.send(notification(2)))._tag).toBe("Delivered")
      yield* fake.up("Android")
      expect((yield* push.send(notification(1, { platform: "Android" })))._tag).toBe("Delivered")
    }).pipe(Effect.provide(layer))
  )

  it.effect("holds senders until they are released; one that gives up has sent nothing", () =>
    Effect.gen(function* () {
      const push = yield* Push
      const fake = yield* FakePush
      yield* fake.hold
      const first = yield* Effect.fork(push.send(notification(1)))
      const second = yield* Effect.fork(push.send(notification(2)))
      yield* fake.awaitCalls(2)
      expect(yield* fake.attempts).toEqual([])
      yield* Fiber.interrupt(first)
      yield* fake.release
      expect((yield* Fiber.join(second))._tag).toBe("Delivered")
      expect((yield* fake.attempts).map((it) => it.notification.id)).toEqual(["id-2"])
    }).pipe(Effect.provide(layer))
  )
})
