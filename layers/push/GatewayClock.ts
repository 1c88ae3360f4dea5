import type { Effect } from "effect"
import { LOOK_EVERY, skewTold } from "../net/ClockSkew.ts"
import { reportTrouble, settleTrouble } from "../telemetry/Troubles.ts"

/** Notices when the clock of a gateway's host and ours differ. */
export class GatewayClock {
  readonly #where: string
  #lookedAt = Number.NEGATIVE_INFINITY
  #isSkewed = false

  /** `where`: host and port. */
  constructor(where: string) {
    this.#where = where
  }

  /** What is to be told after an answer with this header `Date`, if anything. `now`: milliseconds since 1970. */
  at(date: string | undefined, now: number): Effect.Effect<void> | undefined {
    if (Math.abs(now - this.#lookedAt) < LOOK_EVERY) return undefined
    this.#lookedAt = now
    const skew = skewTold(date, now)
    const wasSkewed = this.#isSkewed
    this.#isSkewed = skew !== undefined
    if (skew !== undefined) return reportTrouble({ fault: "clock-skew", where: this.#where, what: skew })
    return wasSkewed ? settleTrouble("clock-skew", this.#where) : undefined
  }
}
