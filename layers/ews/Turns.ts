import { Effect } from "effect"

interface Waiter {
  served: boolean
  proceed: () => void
}

/** Turns at something that so many can have at a time; who comes first is served first. */
export class Turns {
  readonly #count: number
  /** Made by the first who waits: each session has turns, and hardly anybody ever waits for one. */
  #waiting: Set<Waiter> | undefined
  #taken = 0

  constructor(count: number) {
    this.#count = count
  }

  /** Nobody has a turn, so that nobody waits either. */
  get unused(): boolean {
    return this.#taken === 0
  }

  get waiting(): number {
    return this.#waiting?.size ?? 0
  }

  /** Takes a turn if there is one at once. Each turn is to be given back once. */
  take(): boolean {
    if (this.#taken >= this.#count) return false
    this.#taken++
    return true
  }

  /**
   * Waits for a turn; false if there was none within so many milliseconds. To be run uninterruptibly, because whoever has
   * a turn must know; the waiting itself can be interrupted.
   */
  wait(patience: number): Effect.Effect<boolean> {
    const waiter: Waiter = { served: false, proceed: () => {} }
    // At once: a turn that is given back before the effect runs would pass by.
    this.#waiting ??= new Set()
    const waiting = this.#waiting.add(waiter)
    return Effect.async<void>((resume) => {
      if (waiter.served) resume(Effect.void)
      else waiter.proceed = () => resume(Effect.void)
    }).pipe(
      Effect.timeoutTo({ duration: patience, onSuccess: () => true, onTimeout: () => false }),
      Effect.interruptible,
      // Being served can fall together with the end of patience, or with an interruption.
      Effect.map((inTime) => inTime || !waiting.delete(waiter)),
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          if (waiter.served) this.giveBack()
          else waiting.delete(waiter)
        })
      )
    )
  }

  giveBack(): void {
    for (const next of this.#waiting ?? []) {
      this.#waiting?.delete(next)
      next.served = true
      next.proceed()
      return
    }
    this.#taken--
  }
}
