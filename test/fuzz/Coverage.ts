import { Session } from "node:inspector"

/**
 * Which code an input reaches, by V8's own coverage of blocks: no instrumentation, and no library. V8 stops reporting what it
 * has optimised, so that running costs next to nothing; asking costs one to three milliseconds.
 */
export class Coverage {
  readonly #session = new Session()
  readonly #seen = new Set<string>()
  /** Milliseconds that asking has taken. */
  spent = 0

  start(): void {
    this.#session.connect()
    this.#session.post("Profiler.enable")
    this.#session.post("Profiler.startPreciseCoverage", { callCount: false, detailed: true })
  }

  /** How many different pieces of code, reached or passed by, were seen since the start. */
  get size(): number {
    return this.#seen.size
  }

  /** Whether anything was reached since the last time that was never reached before. */
  isNew(): boolean {
    let found = false
    const before = performance.now()
    // Calls back before it returns: the session is one with this very thread.
    this.#session.post("Profiler.takePreciseCoverage", (error, answer) => {
      if (error !== null) return
      for (const { functions, url } of answer.result) {
        if (!OF_INTEREST.test(url)) continue
        for (const { ranges } of functions) {
          for (const { count, endOffset, startOffset } of ranges) {
            const key = `${url} ${startOffset}-${endOffset} ${count}`
            if (this.#seen.has(key)) continue
            this.#seen.add(key)
            found = true
          }
        }
      }
    })
    this.spent += performance.now() - before
    return found
  }

  /** What was reached since the last time does not count. */
  forget(): void {
    const before = performance.now()
    this.#session.post("Profiler.takePreciseCoverage", () => {})
    this.spent += performance.now() - before
  }

  stop(): void {
    this.#session.disconnect()
  }
}

/** Our own parsers, and those of others behind them. */
const OF_INTEREST = /\/(?:layers|schemas|src|faulty)\/|\/node_modules\/(?:saxes|xmlchars|node-forge)\//
