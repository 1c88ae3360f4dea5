import type { UserNumber } from "../schemas/Ids.ts"

/**
 * So many of something for each user in a minute: for work that anybody can cause who got hold of an old callback URL, and
 * that costs storage or fills the log. Counts of whole minutes, forgotten together; no timers.
 */
export class CallbackPace {
  readonly #most: number
  readonly #counts = new Map<UserNumber, number>()
  #minute = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Counts one; false: it is one too many. `now` in milliseconds. */
  take(user: UserNumber, now: number): boolean {
    const minute = Math.floor(now / 60_000)
    if (minute !== this.#minute) this.#counts.clear()
    this.#minute = minute
    const count = (this.#counts.get(user) ?? 0) + 1
    if (count > this.#most) return false
    this.#counts.set(user, count)
    return true
  }
}
