import { Effect } from "effect"

/** Lets fibers wait for conditions on plain counters; whoever changes a counter calls `check`. */
export class Quiet {
  private watchers: Array<Watcher> | undefined = undefined

  /** Waits until the condition holds. */
  when(condition: () => boolean): Effect.Effect<void> {
    return Effect.async((resume) => {
      if (condition()) {
        resume(Effect.void)
        return
      }
      const watcher = { condition, resume: () => resume(Effect.void) }
      this.watchers = [...(this.watchers ?? []), watcher]
      return Effect.sync(() => this.keep((other) => other !== watcher))
    })
  }

  check(): void {
    if (this.watchers === undefined) return
    for (const watcher of this.watchers) {
      if (!watcher.condition()) continue
      this.keep((other) => other !== watcher)
      watcher.resume()
    }
  }

  private keep(wanted: (watcher: Watcher) => boolean): void {
    const kept = this.watchers?.filter(wanted)
    this.watchers = kept?.length === 0 ? undefined : kept
  }
}

interface Watcher {
  readonly condition: () => boolean
  readonly resume: () => void
}
