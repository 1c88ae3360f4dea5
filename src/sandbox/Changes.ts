import { Effect } from "effect"

/** Lets a caller wait for something to become true, without polling and without guessing how long it takes. */
export class Changes {
  readonly #waiting = new Set<() => void>()

  /** Something happened: everybody who waits looks again. */
  signal(): void {
    for (const look of [...this.#waiting]) look()
  }

  /** Waits until `condition` holds; it is asked at once and after every change. */
  until(condition: () => boolean): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const look = () => {
        if (!condition()) return
        this.#waiting.delete(look)
        resume(Effect.void)
      }
      this.#waiting.add(look)
      look()
      return Effect.sync(() => this.#waiting.delete(look))
    })
  }
}
