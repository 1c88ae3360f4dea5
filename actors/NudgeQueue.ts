import type { UserNumber } from "../schemas/Ids.ts"
import type { Asking } from "./SubscriptionProtocol.ts"

/** A silent push that waits. */
export interface Waiting {
  readonly user: UserNumber
  /** Digest of the EWS URL of the user's Exchange. */
  readonly host: number
  readonly reason: Asking
  /** Devices that were asked since then (ms since 1970) need not be. */
  readonly since: number
  /** When it may go at the earliest; within a host and reason never earlier than for those before. */
  readonly from: number
}

/**
 * Silent pushes that wait, at most one a user. Hosts take turns, so that one with many keeps no other waiting; what is held
 * is not looked at, however much it is.
 */
export class NudgeQueue {
  /** By host, those because of credentials apart. */
  readonly #lanes = new Map<number | "credentials", Map<UserNumber, Waiting>>()
  readonly #laneOf = new Map<UserNumber, number | "credentials">()

  get size(): number {
    return this.#laneOf.size
  }

  /** Takes the place of one that waits for the user. */
  add(waiting: Waiting): void {
    this.remove(waiting.user)
    const key = waiting.reason === "credentials" ? "credentials" : waiting.host
    const lane = this.#lanes.get(key) ?? new Map<UserNumber, Waiting>()
    this.#lanes.set(key, lane.set(waiting.user, waiting))
    this.#laneOf.set(waiting.user, key)
  }

  remove(user: UserNumber): void {
    const key = this.#laneOf.get(user)
    if (key === undefined) return
    this.#laneOf.delete(user)
    const lane = this.#lanes.get(key)
    lane?.delete(user)
    if (lane?.size === 0) this.#lanes.delete(key)
  }

  /** Up to so many whose time has come, of hosts that are not held. */
  take(most: number, now: number, isHeld: (host: number) => boolean): ReadonlyArray<Waiting> {
    const batch: Array<Waiting> = []
    let open = [...this.#lanes].filter(([key]) => key === "credentials" || !isHeld(key))
    while (open.length > 0 && batch.length < most) {
      open = open.filter(([key, lane]) => {
        const [first] = lane.values()
        if (first === undefined || first.from > now || batch.length >= most) return false
        batch.push(first)
        this.remove(first.user)
        // Its turn comes again after the others', also in the next batch.
        if (this.#lanes.delete(key)) this.#lanes.set(key, lane)
        return true
      })
    }
    return batch
  }
}
