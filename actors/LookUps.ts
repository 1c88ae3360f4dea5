import type { UserNumber } from "../schemas/Ids.ts"
import type { Envelope } from "./Callers.ts"

/** One reading of storage, and who waits for it. */
export type LookUp = Array<Envelope>

/**
 * Users without an actor for whom storage is asked at the moment: one reading a user, whoever else asks meanwhile. An actor
 * that comes into being otherwise takes over those who wait; what the reading finds is outdated then, and must not bring
 * back somebody who has gone since.
 */
export class LookUps {
  readonly #underWay = new Map<UserNumber, LookUp>()
  #waiting = 0

  /** Requests that wait. */
  get size(): number {
    return this.#waiting
  }

  /** A reading that has to be begun; undefined: one is under way, and the request waits for it. */
  join(user: UserNumber, envelope: Envelope): LookUp | undefined {
    this.#waiting += 1
    const known = this.#underWay.get(user)
    if (known !== undefined) {
      known.push(envelope)
      return undefined
    }
    const begun = [envelope]
    this.#underWay.set(user, begun)
    return begun
  }

  /** Whether nothing has overtaken this reading. */
  isOpen(user: UserNumber, lookUp: LookUp): boolean {
    return this.#underWay.get(user) === lookUp
  }

  /** Ends the reading for the user; those who wait for it are the caller's. */
  end(user: UserNumber): ReadonlyArray<Envelope> {
    const ended = this.#underWay.get(user)
    if (ended === undefined) return NOBODY
    this.#underWay.delete(user)
    this.#waiting -= ended.length
    return ended
  }
}

const NOBODY: ReadonlyArray<Envelope> = []
