import { Effect, ExecutionStrategy, Exit, Scope } from "effect"
import type { EwsError } from "../../schemas/EwsError.ts"
import { Ews, type EwsAccount, type EwsSession } from "./Ews.ts"

/**
 * A session for calls that `persistently` repeats: its place at the host is given up when a call fails, so that others have
 * their turn in the pause, and the next call opens a new session. Calls that succeed share one. What the old session knew
 * (a log-in, cookies, a redirect) is found out again. To be called by one fiber at a time.
 */
export const yieldingSession = (account: EwsAccount): Effect.Effect<EwsSession, never, Ews | Scope.Scope> =>
  Effect.map(Effect.all([Ews, Effect.scope]), ([ews, scope]) => {
    let current: Opened | undefined
    const open = Effect.gen(function* () {
      const own = yield* Scope.fork(scope, ExecutionStrategy.sequential)
      current = { scope: own, session: yield* Scope.extend(ews.session(account), own) }
      return current
    }).pipe(Effect.uninterruptible)
    const giveUp = Effect.suspend(() => {
      const left = current
      current = undefined
      return left === undefined ? Effect.void : Scope.close(left.scope, Exit.void)
    })
    const call = <A>(use: (session: EwsSession) => Effect.Effect<A, EwsError>): Effect.Effect<A, EwsError> =>
      Effect.suspend(() => (current === undefined ? open : Effect.succeed(current))).pipe(
        Effect.flatMap(({ session }) => use(session)),
        Effect.onError(() => giveUp)
      )
    return {
      subscribe: (subscription, timeout) => call((session) => session.subscribe(subscription, timeout)),
      inbox: (timeout) => call((session) => session.inbox(timeout)),
      mails: (items, shape, timeout) => call((session) => session.mails(items, shape, timeout)),
      missed: (since, limit, shape, timeout) =>
        call((session) => session.missed(since, limit, shape, timeout))
    }
  })

interface Opened {
  readonly scope: Scope.CloseableScope
  readonly session: EwsSession
}
