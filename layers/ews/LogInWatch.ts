import type { UserNumber } from "../../schemas/Ids.ts"
import { Outage, type Trouble } from "../net/Outage.ts"

/** What of a host's log-ins is looked at: those of the last so many different users, if they are so fresh (milliseconds). */
export const LAST_USERS = 10
export const FRESH = 600_000

/** So many users at least must have been refused among them, and more than were let in. */
export const REFUSED_USERS = 5

/** A user who was refused meanwhile is not asked for again for so many milliseconds: accounts get locked by a few. */
export const REST = 600_000

/** Users whose rest is remembered. Probes are few, and so are registrations. */
export const RESTING_MAX = 256

/** What is said of a log-in that somebody wants to make now. */
export type LogInAdmission = "Send" | "Probe" | "Refuse"

/** A log-in that was made. Times are milliseconds of one clock that never goes back. */
export interface LogInTry {
  readonly user: UserNumber
  readonly startedAt: number
  readonly probe: boolean
}

/**
 * Whether one host refuses the log-ins of most users, which is no fault of theirs: IIS answers 401 to everybody while its
 * domain controller is away. Plain state, moved on by whoever calls.
 *
 * - It begins when of the last ten users who logged in at least five, and more than half, were refused. So it takes five or
 *   six at any host, however many were let in before, and one whose users come back with wrong passwords one by one never
 *   has it.
 * - While it lasts there is one probe at a time (`Outage` says when), each of another user; log-ins that a person has just
 *   given (`attended`) are tried, too.
 * - It ends with a log-in that was let in. The users before that still count, so that a host that goes on refusing most of them
 *   is known again at once.
 */
export class LogInWatch {
  readonly #outage: Outage
  /** The last outcome of each user, the latest at the end. */
  readonly #last = new Map<UserNumber, { readonly refused: boolean; readonly at: number }>()
  readonly #resting = new Map<UserNumber, number>()

  /** `vary`: see `Outage`. */
  constructor(vary?: (distance: number) => number) {
    this.#outage = new Outage(vary)
  }

  /** undefined: refusals are what they say. */
  get trouble(): Trouble | undefined {
    return this.#outage.trouble
  }

  /** After `Probe` the caller owes `refused` or `letIn`, or `endProbe`. */
  admit(user: UserNumber, attended: boolean, now: number): LogInAdmission {
    if (this.#outage.trouble === undefined) return "Send"
    if (now - (this.#resting.get(user) ?? -REST) < REST) return "Refuse"
    if (attended) return "Send"
    if (!this.#outage.probeDue(now)) return "Refuse"
    this.#outage.beginProbe()
    return "Probe"
  }

  /** A 401 to credentials. Ask for `trouble` afterwards: only without it the refusal is definite. */
  refused({ probe, user }: LogInTry, now: number): void {
    this.#note(user, true, now)
    if (this.#outage.trouble === undefined && !this.#isShared()) return
    this.#outage.failed("401", probe, now)
    this.#rest(user, now)
  }

  /** Whoever was let in by a call that began before the trouble did proves nothing. */
  letIn({ probe, startedAt, user }: LogInTry, now: number): void {
    if (probe) this.#outage.endProbe()
    this.#note(user, false, now)
    const { trouble } = this.#outage
    if (trouble === undefined || startedAt < trouble.since) return
    this.#outage.over()
    this.#resting.clear()
  }

  /** The probe found out nothing; the next call may be one. */
  endProbe(): void {
    this.#outage.endProbe()
  }

  #note(user: UserNumber, refused: boolean, now: number): void {
    this.#last.delete(user)
    this.#last.set(user, { refused, at: now })
    for (const [other, { at }] of this.#last) {
      if (this.#last.size <= LAST_USERS && now - at < FRESH) return
      this.#last.delete(other)
    }
  }

  #isShared(): boolean {
    let refused = 0
    for (const outcome of this.#last.values()) if (outcome.refused) refused += 1
    return refused >= REFUSED_USERS && refused > this.#last.size - refused
  }

  #rest(user: UserNumber, now: number): void {
    this.#resting.delete(user)
    this.#resting.set(user, now)
    if (this.#resting.size <= RESTING_MAX) return
    const [first] = this.#resting.keys()
    if (first !== undefined) this.#resting.delete(first)
  }
}
