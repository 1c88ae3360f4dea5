import type { UserNumber } from "../schemas/Ids.ts"

/** A user whose entries did not go is passed over for so long (ms), so that the others get their turn. */
const AGAIN_AFTER = 30_000
/** Users remembered; the one it is longest ago of is forgotten first. */
const FAILED_MAX = 4_000

/** Users whose entries in the outbox did not go, and when; the longest ago first. */
export class FailedFlushes {
  readonly #at = new Map<UserNumber, number>()

  note(user: UserNumber, isGone: boolean, now: number): void {
    this.#at.delete(user)
    if (isGone) return
    this.#at.set(user, now)
    const [longestAgo] = this.#at.keys()
    if (this.#at.size > FAILED_MAX && longestAgo !== undefined) this.#at.delete(longestAgo)
  }

  /** It is the others' turn. */
  rests(user: UserNumber, now: number): boolean {
    return now - (this.#at.get(user) ?? Number.NEGATIVE_INFINITY) < AGAIN_AFTER
  }

  /** How many rest. */
  resting(now: number): number {
    let count = 0
    for (const at of this.#at.values()) if (now - at < AGAIN_AFTER) count++
    return count
  }

  /** One who has not failed yet, else the one it is longest ago of. */
  probe(users: ReadonlyArray<UserNumber>): ReadonlyArray<UserNumber> {
    const fresh = users.find((user) => !this.#at.has(user))
    if (fresh !== undefined) return [fresh]
    const waiting = new Set(users)
    return [...this.#at.keys()].filter((user) => waiting.has(user)).slice(0, 1)
  }
}
