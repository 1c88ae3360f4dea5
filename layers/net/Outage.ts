/** Milliseconds between probes of a peer that is down: the first, and the longest after doubling. */
export const PROBE_FIRST = 5_000
export const PROBE_LONGEST = 20_000

/** A peer that is down: since when, and why. */
export interface Trouble {
  readonly since: number
  readonly reason: string
}

/**
 * Whether a peer is down, and who may find out if it still is. While it is, one request at a time is a probe: 5 s after
 * it went down, then 10, 20, 20, 20 … s after the probe before failed, so that whoever waits
 * for its return waits no longer than that. Times are milliseconds of one clock that never goes back; `vary` changes each
 * of those distances, so that not everybody probes at the same moment.
 */
export class Outage {
  #trouble: Trouble | undefined
  #distance = PROBE_FIRST
  #probeAt = 0
  #probing = false
  readonly #vary: (distance: number) => number

  constructor(vary: (distance: number) => number = (distance) => distance) {
    this.#vary = vary
  }

  /** undefined while the peer is up. */
  get trouble(): Trouble | undefined {
    return this.#trouble
  }

  /** Milliseconds until the next probe may be made, as far as is known now; 0 while the peer is up. */
  remaining(now: number): number {
    if (this.#trouble === undefined) return 0
    return this.#probing ? this.#distance : Math.max(0, this.#probeAt - now)
  }

  probeDue(now: number): boolean {
    return this.#trouble !== undefined && !this.#probing && now >= this.#probeAt
  }

  /** Whoever begins a probe ends it: with `failed`, or with `endProbe` and, if there was an answer, `over`. */
  beginProbe(): void {
    this.#probing = true
  }

  /** Another request may be the next probe. */
  endProbe(): void {
    this.#probing = false
  }

  /**
   * A request failed. What was under way when the peer went down fails as well: only a probe tells that it still is down.
   * `wait`: milliseconds in which no probe is welcome.
   */
  failed(reason: string, probe: boolean, now: number, wait = 0): void {
    if (probe) this.#probing = false
    if (this.#trouble === undefined || probe) {
      this.#distance = this.#trouble === undefined ? PROBE_FIRST : Math.min(this.#distance * 2, PROBE_LONGEST)
      this.#probeAt = now + Math.max(this.#vary(this.#distance), wait)
    }
    this.#trouble = { since: this.#trouble?.since ?? now, reason }
  }

  /** A request was answered, probe or not: the peer is up. */
  over(): void {
    this.#trouble = undefined
  }
}
