import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, TestClock } from "effect"
import { Ews, type EwsSession, type Inbox } from "../../../layers/ews/Ews.ts"
import { persistently } from "../../../layers/ews/Persistence.ts"
import { yieldingSession } from "../../../layers/ews/YieldingSession.ts"
import { EwsBusy, type EwsError } from "../../../schemas/EwsError.ts"
import type { ItemId } from "../../../schemas/Ids.ts"
import { timedAccount } from "../../support/EwsCaller.ts"

const account = timedAccount("https://mail.example.com/EWS/Exchange.asmx")
const inbox: Inbox = { folderId: "inbox" as ItemId, unreadCount: 1, serverVersion: undefined }
const busy = new EwsBusy({
  operation: "GetFolder",
  host: "mail.example.com",
  responseCode: "HTTP 503",
  retryAfter: 0
})

/** Sessions that are counted, and calls of which the first `failures` fail. */
const counted = (failures = 0) => {
  const state = { opened: 0, open: 0, failures }
  const fail = (): Effect.Effect<never, EwsError> => Effect.die("not asked for here")
  const session: EwsSession = {
    subscribe: fail,
    missed: fail,
    mails: () => Effect.succeed([]),
    inbox: () => Effect.suspend(() => (state.failures-- > 0 ? Effect.fail(busy) : Effect.succeed(inbox)))
  }
  const ews = Ews.of({
    session: () =>
      Effect.acquireRelease(
        Effect.sync(() => {
          state.opened += 1
          state.open += 1
          return session
        }),
        () => Effect.sync(() => (state.open -= 1))
      )
  })
  return { ews, state }
}

describe("A yielding session", () => {
  it.effect("is one for all calls that succeed, opened by the first and closed with the scope", () =>
    Effect.gen(function* () {
      const { ews, state } = counted()
      const scope = yield* Scope.make()
      const session = yield* yieldingSession(account).pipe(
        Effect.provideService(Ews, ews),
        Scope.extend(scope)
      )
      expect(state.opened).toBe(0)
      yield* session.inbox(1_000)
      yield* session.mails([], { sender: true, subject: true, preview: true }, 1_000)
      expect(state).toMatchObject({ opened: 1, open: 1 })
      yield* Scope.close(scope, Exit.void)
      expect(state.open).toBe(0)
    })
  )

  it.scoped("keeps no place at the host while a call waits to be repeated", () =>
    Effect.gen(function* () {
      const { ews, state } = counted(1)
      const session = yield* Effect.provideService(yieldingSession(account), Ews, ews)
      const asking = yield* Effect.fork(persistently({ within: 10_000 }, session.inbox))
      yield* TestClock.adjust(100)
      expect(state).toMatchObject({ opened: 1, open: 0 })
      yield* TestClock.adjust(1_000)
      expect(yield* Fiber.join(asking)).toBe(inbox)
      expect(state).toMatchObject({ opened: 2, open: 1 })
    })
  )

  it.effect("leaves nothing open when a call is interrupted", () =>
    Effect.gen(function* () {
      const { ews, state } = counted()
      const waiting: EwsSession = {
        ...(yield* Effect.scoped(ews.session(account))),
        inbox: () => Effect.never
      }
      const slow = Ews.of({ session: () => Effect.as(ews.session(account), waiting) })
      const asking = yield* yieldingSession(account).pipe(
        Effect.flatMap((session) => session.inbox(1_000)),
        Effect.provideService(Ews, slow),
        Effect.scoped,
        Effect.fork
      )
      yield* Effect.yieldNow()
      expect(state.open).toBe(1)
      yield* Fiber.interrupt(asking)
      expect(state.open).toBe(0)
    })
  )
})
