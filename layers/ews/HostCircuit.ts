import type { UserNumber } from "../../schemas/Ids.ts"
import { Outage, type Trouble } from "../net/Outage.ts"

/** How a call failed that may say something about the whole host. */
export interface HostFailure {
  /** No connection, none that lasted, or a bare "busy" of what stands in front of Exchange; or no answer in time. */
  readonly kind: "unreachable" | "silent"
  readonly reason: string
  readonly user: UserNumber
  /** When the call began, in milliseconds. */
  readonly startedAt: number
  /** Milliseconds that the host asks to wait; 0 = it does not. */
  readonly wait: number
}

/** What a circuit says of a call that wants to be made now. */
export type HostAdmission = "Send" | "Probe" | "Refuse"

/** So many calls in a row must fail, of so many users, before the trouble is the host's and not a mailbox's. */
export const FAILURES = 5
export const USERS = 3

/** Milliseconds that no call may have been answered before that. A host that works is slow more easily than out of reach. */
export const LASTING = { unreachable: 5_000, silent: 30_000 } as const

/** Milliseconds that a host is left alone at most because it asks for it; then a probe tells. */
export const WAIT_LONGEST = 60_000

/**
 * What is known of one Exchange host's health. Plain state, moved on by whoever calls; times are milliseconds of one
 * clock that never goes back.
 *
 * - It opens when nothing has been answered for a while, and at least five calls of at least three users have failed
 *   meanwhile: a slow mailbox, or a database that is down, is its users' trouble only.
 * - While it is open calls are refused at once, except one probe at a time (`Outage` says when).
 * - Any answer closes it, whatever it says and whoever gets it.
 */
export class HostCircuit {
  readonly #outage: Outage
  #failures = 0
  readonly #users = new Set<UserNumber>()
  #failingSince = 0
  #answeredAt = 0

  /** `vary`: see `Outage`. */
  constructor(vary?: (distance: number) => number) {
    this.#outage = new Outage(vary)
  }

  /** Since when the host is down, and why; undefined while it is up. */
  get trouble(): Trouble | undefined {
    return this.#outage.trouble
  }

  /** After `Probe` the caller owes `failed` or `answered`, or `endProbe`. */
  admit(now: number): HostAdmission {
    if (this.#outage.trouble === undefined) return "Send"
    if (!this.#outage.probeDue(now)) return "Refuse"
    this.#outage.beginProbe()
    return "Probe"
  }

  /** Milliseconds until a probe may be made. */
  remaining(now: number): number {
    return this.#outage.remaining(now)
  }

  /** The host answered: it is up. */
  answered(probe: boolean, now: number): void {
    if (probe) this.#outage.endProbe()
    this.#outage.over()
    this.#answeredAt = now
    if (this.#failures === 0) return
    this.#failures = 0
    this.#users.clear()
  }

  /** A call failed in a way that may be the host's. */
  failed(failure: HostFailure, probe: boolean, now: number): void {
    if (this.#failures === 0) this.#failingSince = Math.max(failure.startedAt, this.#answeredAt)
    this.#failures += 1
    if (this.#users.size < USERS) this.#users.add(failure.user)
    if (this.#outage.trouble === undefined && !this.#isWholeHost(failure, now)) {
      if (probe) this.#outage.endProbe()
      return
    }
    this.#outage.failed(failure.reason, probe, now, Math.min(failure.wait, WAIT_LONGEST))
  }

  /** The probe found out nothing about the host; the next call may be one. */
  endProbe(): void {
    this.#outage.endProbe()
  }

  #isWholeHost({ kind }: HostFailure, now: number): boolean {
    return (
      this.#failures >= FAILURES && this.#users.size >= USERS && now - this.#failingSince >= LASTING[kind]
    )
  }
}
