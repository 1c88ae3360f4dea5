import { Metric } from "effect"
import { LinkState } from "../schemas/LinkState.ts"
import { linkOf, type State } from "./SubscriptionState.ts"
import { setGauge } from "./SupervisorMetrics.ts"

/** The link state of each actor that lives here, counted as it changes, and shown as `ens_subscriptions`. Plain counters. */
export class LinkTally {
  readonly #counts = new Map<LinkState, number>()
  /** Actors that were set aside; they count as `Parked` until they have loaded again. */
  readonly #parked = new Set<string>()

  constructor() {
    noSubscriptions()
  }

  /** All are gone. */
  clear(): void {
    this.#parked.clear()
    this.#counts.clear()
    noSubscriptions()
  }

  of(link: LinkState): number {
    return this.#counts.get(link) ?? 0
  }

  /** A life begins that was counted nowhere so far. */
  enter(state: State): void {
    this.#add(linkOf(state), 1)
  }

  leave(state: State): void {
    this.#add(linkOf(state), -1)
  }

  changed(before: State, after: State): void {
    if (before.link === after.link && before.desk === after.desk) return
    this.#move(linkOf(before), linkOf(after))
  }

  /** The actor is set aside; `state`: its last one, undefined if it never had any. */
  parked(id: string, state: State | undefined): void {
    if (this.#parked.has(id)) return
    this.#parked.add(id)
    this.#move(state && linkOf(state), "Parked")
  }

  /**
   * The actor has loaded. Undefined `before`: it had no state so far, and `enter` follows if there is one now. True if it
   * had been set aside.
   */
  loaded(id: string, before: State | undefined, after: State | undefined): boolean {
    const wasParked = this.#parked.delete(id)
    const from = wasParked ? "Parked" : before && linkOf(before)
    this.#move(from, before && after && linkOf(after))
    return wasParked
  }

  #move(from: LinkState | undefined, to: LinkState | undefined): void {
    if (from === to) return
    if (from !== undefined) this.#add(from, -1)
    if (to !== undefined) this.#add(to, 1)
  }

  #add(link: LinkState, by: number): void {
    const count = this.of(link) + by
    this.#counts.set(link, count)
    setGauge(gauges[link], count)
  }
}

/** No subscription is handled here. */
export const noSubscriptions = (): void => {
  for (const link of LinkState.literals) setGauge(gauges[link], 0)
}

/** Labels are constants: an id in one would stay in the registry for ever. */
const gauge = Metric.gauge("ens_subscriptions", {
  description: "Users that this node acts for, by the state of their subscription"
})

const gauges = Object.fromEntries(
  LinkState.literals.map((link) => [link, Metric.tagged(gauge, "state", link)])
) as Readonly<Record<LinkState, Metric.Metric.Gauge<number>>>
