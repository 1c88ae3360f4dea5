import type { Verdict } from "../../schemas/Push.ts"

/** Milliseconds without an answer after which a gateway with requests under way counts as stalled. */
export const STALLED_AFTER = 15_000

/**
 * What is remembered of a gateway for who looks at it: its last error, and whether it moves. Plain state; times are
 * milliseconds of one clock that never goes back.
 */
export class StageHealth {
  #movedAt = 0
  #lastError: LastError | undefined

  /** It has something to do after a time without. */
  began(now: number): void {
    this.#movedAt = now
  }

  /** A request was answered so. */
  answered(verdicts: ReadonlyArray<Verdict>, now: number): void {
    this.#movedAt = now
    for (const verdict of verdicts)
      if (verdict._tag === "GatewayDown" || verdict._tag === "Rejected")
        this.#lastError = { reason: verdict.reason, at: now }
  }

  /** Since when nothing has moved although there is something to do; undefined: it moves, or has nothing to do. */
  stalledSince(busy: boolean, now: number): number | undefined {
    return busy && now - this.#movedAt >= STALLED_AFTER ? this.#movedAt : undefined
  }

  get lastError(): LastError | undefined {
    return this.#lastError
  }
}

/** Names no notification and no device. */
export interface LastError {
  readonly reason: string
  readonly at: number
}
