import { Effect } from "effect"
import type { EwsError } from "../../schemas/EwsError.ts"
import { Ews, type EwsAccount, type EwsCalls, type EwsSession } from "./Ews.ts"

/**
 * Runs `use` with a session for this account, and closes it at the end, however that comes about. It is good for calls that
 * `persistently` repeats: its place at the host is given up when a call fails, so that others have their turn in the pause,
 * and the next call opens a new session. Calls that succeed share one. What the old session knew (a log-in, cookies, a
 * redirect) is found out again. Calls are to be made by one fiber at a time.
 */
export const withSession = <A, E, R>(
  account: EwsAccount,
  use: (calls: EwsCalls) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Ews> =>
  Effect.flatMap(Ews, (ews) =>
    // By hand, because a scope is several times as dear, and this is done for each mail.
    Effect.uninterruptibleMask((interruptibly) => {
      const calls = new SessionCalls(ews, account)
      return Effect.matchCauseEffect(interruptibly(use(calls)), {
        onFailure: (cause) => {
          calls.giveUp()
          return Effect.failCause(cause)
        },
        onSuccess: (result) => {
          calls.giveUp()
          return Effect.succeed(result)
        }
      })
    })
  )

/** Calls as `withSession` lends them, for whoever sees to it that they are given up at the end. */
export class SessionCalls implements EwsCalls {
  readonly #open: () => EwsSession
  #session: EwsSession | undefined

  constructor(ews: Ews["Type"], account: EwsAccount) {
    this.#open = () => ews.open(account)
  }

  readonly subscribe: EwsCalls["subscribe"] = (subscription, timeout) =>
    this.#call((session) => session.subscribe(subscription, timeout))

  readonly inbox: EwsCalls["inbox"] = (timeout) => this.#call((session) => session.inbox(timeout))

  readonly mails: EwsCalls["mails"] = (items, shape, timeout) =>
    this.#call((session) => session.mails(items, shape, timeout))

  readonly missed: EwsCalls["missed"] = (since, limit, shape, timeout) =>
    this.#call((session) => session.missed(since, limit, shape, timeout))

  giveUp(): void {
    this.#session?.close()
    this.#session = undefined
  }

  #call<A>(make: (session: EwsSession) => Effect.Effect<A, EwsError>): Effect.Effect<A, EwsError> {
    return Effect.suspend(() => {
      this.#session ??= this.#open()
      return Effect.catchAllCause(make(this.#session), (cause) => {
        this.giveUp()
        return Effect.failCause(cause)
      })
    })
  }
}
