/**
 * Timers on the real clock that all end together: a stand-in plays another machine, so the time of a test must not
 * move it.
 */
export class Timers {
  readonly #pending = new Map<NodeJS.Timeout, () => void>()
  #closed = false

  /** Runs `action` once after `milliseconds`; answers how to cancel it. After `close` nothing runs any more. */
  after(milliseconds: number, action: () => void): () => void {
    if (this.#closed) return () => {}
    const timer = setTimeout(
      () => {
        this.#pending.delete(timer)
        action()
      },
      Math.min(milliseconds, MAX_TIMEOUT)
    )
    const cancel = () => {
      clearTimeout(timer)
      this.#pending.delete(timer)
    }
    this.#pending.set(timer, cancel)
    return cancel
  }

  /** Resolves after `milliseconds`, or never if the stand-in is closed before. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(milliseconds, resolve)
    })
  }

  close(): void {
    this.#closed = true
    for (const cancel of [...this.#pending.values()]) cancel()
  }
}

const MAX_TIMEOUT = 2 ** 31 - 1
