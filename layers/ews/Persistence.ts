import { Effect, Random } from "effect"
import type { EwsError } from "../../schemas/EwsError.ts"

/** How long a call to Exchange is worth repeating. Times in milliseconds. */
export type Patience = (
  | {
      /** For all tries together, from the moment when the effect runs. */
      readonly within: number
    }
  | {
      /** When all must be over, on the clock that is never set (`unsafeCurrentTimeNanos`), as the actors' deadlines are. */
      readonly until: number
    }
) & {
  /**
   * The call makes something at Exchange (Subscribe), so that one whose answer did not come in time may have had its
   * effect and is not repeated.
   */
  readonly creates?: boolean
}

/** A call is made at most so often, as ENS2 does. */
export const TRIES = 4

/**
 * A call that carried credentials and got no answer is repeated at most so often. The answer may have been that they are
 * wrong: a directory that is slow counts such log-ins all the same, and locks the account.
 */
export const UNANSWERED_REPEATS = 1

/** Milliseconds before the second try; twice as long before each further one. */
export const PAUSE_FIRST = 500

/**
 * Makes a call to Exchange, and repeats it while its trouble may pass: at most 4 tries, with growing pauses between them
 * that are different for everybody. A wait that the server asks for (`EwsBusy.retryAfter`) is kept; where it is longer
 * than what is left, the call fails with it at once. What got no answer is repeated once only. What repeating cannot change (log-in, permission, refusal, a wrong
 * certificate, an answer that is no EWS) fails at once too. `call` gets the milliseconds that are left and has to end within them.
 *
 * ```ts
 * const inbox = yield* persistently({ until: command.until }, (left) => exchange.inbox(left))
 * const subscribed = yield* persistently({ within: 15_000, creates: true }, (left) =>
 *   exchange.subscribe(subscription, left)
 * )
 * ```
 *
 * A session keeps its place at the host, also during the pauses; but for one of `withSession`, which gives it up.
 */
export const persistently = <A, E extends { readonly _tag: string }, R>(
  patience: Patience,
  call: (left: number) => Effect.Effect<A, E | EwsError, R>
): Effect.Effect<A, E | EwsError, R> =>
  Effect.clockWith((clock) => {
    const now = () => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
    const until = "until" in patience ? patience.until : now() + patience.within
    const attempt = (tries: number, unanswered: number): Effect.Effect<A, E | EwsError, R> =>
      Effect.catchAll(call(Math.max(0, until - now())), (error) => {
        const silences = unanswered + (isUnanswered(error) ? 1 : 0)
        return tries < TRIES && silences <= UNANSWERED_REPEATS && mayPass(error, patience.creates === true)
          ? Effect.flatMap(Random.next, (random) => {
              const pause = pauseBefore(tries + 1, askedWait(error), random)
              return pause < until - now()
                ? Effect.flatMap(Effect.sleep(pause), () => attempt(tries + 1, silences))
                : Effect.fail(error)
            })
          : Effect.fail(error)
      })
    return attempt(1, 0)
  })

/**
 * Milliseconds to wait before the `n`th try (from 2): 0.5, 1, 2 … s, a quarter more or less as `random` (0 to 1) has it; on
 * top of what the server `asked` for, if it did (0: no), so that not everybody who waits comes at that moment.
 */
export const pauseBefore = (n: number, asked: number, random: number): number =>
  asked + PAUSE_FIRST * 2 ** (n - 2) * (asked > 0 ? random : 0.75 + random / 2)

const mayPass = (error: { readonly _tag: string; readonly lasting?: boolean }, creates: boolean): boolean =>
  error._tag === "EwsBusy" ||
  (error._tag === "EwsUnreachable" && error.lasting !== true) ||
  (error._tag === "EwsTimeout" && !creates)

/** No answer of Exchange's in time, be it that what stands in front of it says so (504, RFC 9110 15.6.5). */
const isUnanswered = (error: { readonly _tag: string; readonly responseCode?: string }): boolean =>
  error._tag === "EwsTimeout" || (error._tag === "EwsBusy" && error.responseCode === "HTTP 504")

const askedWait = (error: { readonly _tag: string; readonly retryAfter?: number }): number =>
  error._tag === "EwsBusy" ? (error.retryAfter ?? 0) : 0
