import { Cause, Effect, Exit, FiberSet, Option, type Scope } from "effect"
import type { StorageError } from "../../schemas/StorageError.ts"
import { STORAGE } from "../telemetry/FaultOf.ts"
import { Troubles, type TroublesShape } from "../telemetry/Troubles.ts"

/** Storage is asked at most once in so many milliseconds. */
const ASKED_EVERY = 2_000
/** An answer that takes longer will not come; drivers give up before. Milliseconds. */
const LONGEST = 60_000

/**
 * Finds out whether storage is away, and reports it. One operation that fails may have met a lock, so `ping` decides: it is
 * asked when an operation failed, and while storage is away when one succeeds.
 */
export class StorageWatch {
  /** To be set before anything else is done. */
  ping: Effect.Effect<void, StorageError> = Effect.void
  isAway = false
  #askedAt = Number.NEGATIVE_INFINITY
  #answeredAt = Number.NEGATIVE_INFINITY
  /** One question of ours at a time: a storage that hangs must not collect them. */
  #isAsking = false
  #isWaiting = false
  readonly #time: () => number
  readonly #troubles: TroublesShape
  readonly #fork: (effect: Effect.Effect<void>) => unknown

  private constructor(
    time: () => number,
    troubles: TroublesShape,
    fork: (effect: Effect.Effect<void>) => unknown
  ) {
    this.#time = time
    this.#troubles = troubles
    this.#fork = fork
  }

  /** `time`: seconds on a clock that is never set. It asks nothing any more when the scope closes. */
  static make = (time: () => number): Effect.Effect<StorageWatch, never, Scope.Scope> =>
    Effect.gen(function* () {
      const fork = yield* FiberSet.makeRuntime<never>()
      return new StorageWatch(time, yield* Troubles, fork)
    })

  /** Has storage asked, unless it was a moment ago. Nobody waits for the answer. */
  readonly look: Effect.Effect<void> = Effect.sync(() => {
    const now = this.#time() * 1000
    if (this.#isAsking || now - this.#askedAt < ASKED_EVERY) return
    this.#askedAt = now
    this.#isAsking = true
    this.#fork(
      Effect.ensuring(
        Effect.ignore(Effect.timeout(this.ping, LONGEST)),
        Effect.sync(() => {
          this.#isAsking = false
        })
      )
    )
  })

  /** What came of asking it. */
  readonly pinged = (exit: Exit.Exit<void, StorageError>): Effect.Effect<void> => {
    if (!Exit.isInterrupted(exit)) this.#answeredAt = this.#time() * 1000
    if (Exit.isSuccess(exit)) {
      this.isAway = false
      return this.#troubles.settle("storage-down", STORAGE)
    }
    const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
    if (error === undefined) return Cause.isInterruptedOnly(exit.cause) ? this.#lookLater : Effect.void
    this.isAway = true
    return this.#troubles.report({ fault: "storage-down", where: STORAGE, what: toldOf(error) })
  }

  /**
   * Whoever asked did not wait for the answer, which says something, too: a storage that hangs. Who asks next finds it out
   * as well, so it is asked only if nobody had an answer in the meantime.
   */
  readonly #lookLater: Effect.Effect<void> = Effect.sync(() => {
    if (this.#isWaiting) return
    this.#isWaiting = true
    const since = this.#time() * 1000
    this.#fork(
      Effect.sleep(ASKED_EVERY).pipe(
        Effect.zipRight(
          Effect.suspend(() => {
            this.#isWaiting = false
            return this.#answeredAt >= since ? Effect.void : this.look
          })
        )
      )
    )
  })
}

/** With what is behind it (`database is locked`, `connect ECONNREFUSED …`): that tells the disk from the network. */
export const toldOf = (error: StorageError): string => {
  const cause = causeOf(error.cause, 4)
  return cause === "" || error.message.includes(cause) ? error.message : `${error.message} (${cause})`
}

/** The innermost words, as far as there are any; those of a statement's values are not among them. */
const causeOf = (cause: unknown, depth: number): string => {
  if (!(cause instanceof Error)) return ""
  const inner = depth > 0 ? causeOf(cause.cause, depth - 1) : ""
  return inner === "" ? cause.message.slice(0, CAUSE_LONGEST) : inner
}

const CAUSE_LONGEST = 200
