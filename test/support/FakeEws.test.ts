import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import type { Credentials } from "../../schemas/Credentials.ts"
import { layer as callerLayer, EwsCaller, timedAccount } from "./EwsCaller.ts"
import { FakeEws, layer as fakeLayer, faults, inboxIdOf } from "./FakeEws.ts"

const layer = Layer.provideMerge(callerLayer, fakeLayer)

const account = (credentials: Credentials) =>
  timedAccount("https://exchange.test/EWS/Exchange.asmx", { credentials })
const ada = account({ address: "Ada@example.com", password: "right" })
const everything = { sender: true, subject: true, preview: true }

describe("FakeEws", () => {
  it.effect("hands out what was delivered, as far as it is asked for, and counts what is unread", () =>
    Effect.gen(function* () {
      const ews = yield* EwsCaller
      const fake = yield* FakeEws
      const first = yield* fake.deliver("ada@example.com", { subject: "One" })
      const gone = yield* fake.deliver("ada@example.com")
      yield* fake.remove("ada@example.com", gone)
      expect(yield* ews.mails(ada, [first, gone], { ...everything, preview: false })).toMatchObject([
        { itemId: first, subject: "One", preview: undefined, parentFolderId: inboxIdOf("ada@example.com") }
      ])
      expect((yield* ews.inbox(ada)).unreadCount).toBe(1)
      yield* fake.markRead("ada@example.com", first)
      expect((yield* ews.inbox(ada)).unreadCount).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.effect("refuses a wrong password, and a delegate's subscription", () =>
    Effect.gen(function* () {
      const ews = yield* EwsCaller
      const fake = yield* FakeEws
      yield* fake.setPassword("ada@example.com", "changed")
      expect((yield* Effect.flip(ews.inbox(ada)))._tag).toBe("EwsUnauthorized")
      const delegate = account({ address: "ada@example.com", username: "bob@example.com", password: "bob" })
      expect(yield* Effect.flip(ews.subscribe(delegate, "https://ens.test/", 15))).toMatchObject({
        _tag: "EwsRefused",
        responseCode: "ErrorSubscriptionDelegateAccessNotSupported"
      })
      expect((yield* ews.inbox(delegate)).folderId).toBe(inboxIdOf("bob@example.com"))
    }).pipe(Effect.provide(layer))
  )

  it.effect("fails as planned and no longer, keeping the effect where only the answer is lost", () =>
    Effect.gen(function* () {
      const ews = yield* EwsCaller
      const fake = yield* FakeEws
      yield* fake.failNext("subscribe", faults.timeout(), { effective: true })
      yield* Effect.flip(ews.subscribe(ada, "https://ens.test/1", 15))
      yield* ews.subscribe(ada, "https://ens.test/2", 15)
      const made = yield* fake.subscriptions("ada@example.com")
      expect(made.map((one) => one.callbackUrl)).toEqual(["https://ens.test/1", "https://ens.test/2"])
    }).pipe(Effect.provide(layer))
  )

  it.effect("holds calls until they are released, and notices an interrupted one", () =>
    Effect.gen(function* () {
      const ews = yield* EwsCaller
      const fake = yield* FakeEws
      yield* fake.hold("inbox")
      const held = yield* Effect.fork(ews.inbox(ada))
      const dropped = yield* Effect.fork(ews.inbox(ada))
      yield* fake.begun("inbox", 2)
      yield* Fiber.interrupt(dropped)
      yield* fake.release("inbox")
      expect((yield* Fiber.join(held)).unreadCount).toBe(0)
      expect([yield* fake.interrupted, yield* fake.concurrent, yield* fake.count()]).toEqual([1, 2, 2])
    }).pipe(Effect.provide(layer))
  )
})
