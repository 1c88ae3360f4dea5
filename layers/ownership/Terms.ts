import { Deferred, Effect, FiberId } from "effect"

/** Runs what is to be done in each of a node's tenures. */
export class Terms {
  /** Done when the tenure is over. */
  #over: Deferred.Deferred<void> | undefined
  /** Done when the next tenure has begun. */
  #begun = Deferred.unsafeMake<void>(FiberId.none)
  #working = 0

  begin(): void {
    if (this.#over !== undefined) return
    this.#over = Deferred.unsafeMake(FiberId.none)
    Deferred.unsafeDone(this.#begun, Effect.void)
  }

  end(): void {
    if (this.#over === undefined) return
    const over = this.#over
    this.#over = undefined
    this.#begun = Deferred.unsafeMake(FiberId.none)
    Deferred.unsafeDone(over, Effect.void)
  }

  /** Whether nothing of an earlier tenure goes on: only then may the next one begin. */
  isIdle(): boolean {
    return this.#working === 0
  }

  /** See `Ownership.during`. */
  readonly during = <E, R>(work: Effect.Effect<unknown, E, R>): Effect.Effect<never, E, R> =>
    Effect.forever(
      Effect.acquireUseRelease(
        Effect.sync(() => {
          if (this.#over !== undefined) this.#working += 1
          return this.#over
        }),
        (over) =>
          over === undefined
            ? Effect.suspend(() => Deferred.await(this.#begun))
            : Effect.raceFirst(Effect.zipRight(work, Effect.never), Deferred.await(over)),
        (over) =>
          Effect.sync(() => {
            if (over !== undefined) this.#working -= 1
          })
      )
    )
}
