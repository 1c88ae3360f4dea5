import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { Ews, type Inbox } from "../../../layers/ews/Ews.ts"
import { persistently } from "../../../layers/ews/Persistence.ts"
import { withSession } from "../../../layers/ews/WithSession.ts"
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

/** Sessions that are counted, and calls of which the first `failures` fail; `asked`: what becomes of the others. */
const counted = (failures = 0, asked: Effect.Effect<Inbox> = Effect.succeed(inbox)) => {
  const state = { opened: 0, open: 0, failures }
  const fail = (): Effect.Effect<never, EwsError> => Effect.die("not asked for here")
  const ews = Ews.of({
    open: () => {
      state.opened += 1
      state.open += 1
      return {
        subscribe: fail,
        missed: fail,
        mails: () => Effect.succeed([]),
        inbox: () => Effect.suspend(() => (state.failures-- > 0 ? Effect.fail(busy) : asked)),
        close: () => {
          state.open -= 1
        }
      }
    }
  })
  return { ews, state }
}

describe("A session that is lent", () => {
  it.effect("is one for all calls that succeed, opened by the first and closed at the end", () =>
    Effect.gen(function* () {
      const { ews, state } = counted()
      yield* withSession(account, (calls) =>
        Effect.gen(function* () {
          expect(state.opened).toBe(0)
          yield* calls.inbox(1_000)
          yield* calls.mails([], { sender: true, subject: true, preview: true }, 1_000)
          expect(state).toMatchObject({ opened: 1, open: 1 })
        })
      ).pipe(Effect.provideService(Ews, ews))
      expect(state.open).toBe(0)
    })
  )

  it.effect("keeps no place at the host while a call waits to be repeated", () =>
    Effect.gen(function* () {
      const { ews, state } = counted(1)
      const asking = yield* withSession(account, (calls) =>
        Effect.tap(persistently({ within: 10_000 }, calls.inbox), () => {
          expect(state).toMatchObject({ opened: 2, open: 1 })
        })
      ).pipe(Effect.provideService(Ews, ews), Effect.fork)
      yield* TestClock.adjust(100)
      expect(state).toMatchObject({ opened: 1, open: 0 })
      yield* TestClock.adjust(1_000)
      expect(yield* Fiber.join(asking)).toBe(inbox)
      expect(state).toMatchObject({ opened: 2, open: 0 })
    })
  )

  const ends: ReadonlyArray<readonly [string, Effect.Effect<Inbox>]> = [
    ["is interrupted", Effect.never],
    ["dies", Effect.die("a defect")]
  ]
  for (const [how, asked] of ends) {
    it.effect(`is closed when a call ${how}`, () =>
      Effect.gen(function* () {
        const { ews, state } = counted(0, asked)
        const asking = yield* withSession(account, (calls) => calls.inbox(1_000)).pipe(
          Effect.provideService(Ews, ews),
          Effect.fork
        )
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(asking)
        expect(state).toMatchObject({ opened: 1, open: 0 })
      })
    )
  }

  it.effect("is closed when what it was lent for dies", () =>
    Effect.gen(function* () {
      const { ews, state } = counted()
      const lent = withSession(account, (calls) =>
        Effect.map(calls.inbox(1_000), () => {
          throw new Error("a defect")
        })
      )
      yield* Effect.exit(Effect.provideService(lent, Ews, ews))
      expect(state).toMatchObject({ opened: 1, open: 0 })
    })
  )
})
