import { Effect } from "effect"
import { EwsBusy, type EwsError } from "../../schemas/EwsError.ts"
import { Ews, type EwsAccount, type EwsCalls, type EwsSession } from "./Ews.ts"
import { callsFor } from "./EwsClient.ts"

/**
 * Runs `use` with a session for this account, and closes it at the end, however that comes about. It is good for calls that
 * `persistently` repeats: its place at the host is given up when a call fails, so that others have their turn in the pause,
 * and the next call opens a new session. Calls that succeed share one. What the old session knew (a log-in, cookies, a
 * redirect) is found out again. Calls are to be made by one fiber at a time.
 */
export const withSession = <A, E, R>(
  account: EwsAccount,
  use: (calls: SessionCalls) => Effect.Effect<A, E, R>
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
  readonly #url: string
  readonly #allowed: number
  #session: EwsSession | undefined
  /** Calls that were made so far, those that were repeated too. */
  made = 0

  /** More calls than `allowed` fail with `EwsBusy`; they do not reach Exchange. */
  constructor(ews: Ews["Type"], account: EwsAccount, allowed = Number.POSITIVE_INFINITY) {
    this.#open = () => ews.open(account)
    this.#url = account.endpoint.url
    this.#allowed = allowed
  }

  readonly subscribe: EwsCalls["subscribe"] = (subscription, timeout) =>
    this.#call(1, (session) => session.subscribe(subscription, timeout))

  readonly inbox: EwsCalls["inbox"] = (timeout) => this.#call(1, (session) => session.inbox(timeout))

  readonly mails: EwsCalls["mails"] = (items, shape, timeout) =>
    this.#call(callsFor(items.length), (session) => session.mails(items, shape, timeout))

  readonly missed: EwsCalls["missed"] = (since, limit, shape, timeout) =>
    this.#call(1, (session) => session.missed(since, limit, shape, timeout))

  giveUp(): void {
    this.#session?.close()
    this.#session = undefined
  }

  #call<A>(
    calls: number,
    make: (session: EwsSession) => Effect.Effect<A, EwsError>
  ): Effect.Effect<A, EwsError> {
    return Effect.suspend(() => {
      if (this.made + calls > this.#allowed) return Effect.fail(this.#enough())
      this.made += calls
      this.#session ??= this.#open()
      return Effect.catchAllCause(make(this.#session), (cause) => {
        this.giveUp()
        return Effect.failCause(cause)
      })
    })
  }

  #enough(): EwsBusy {
    const host = URL.parse(this.#url)?.host ?? "Exchange"
    const responseCode = "ENS asks no more for this user within a minute"
    return new EwsBusy({ operation: "calls", host, responseCode, retryAfter: 60_000 })
  }
}
