/** What Exchange reports: that a subscription lives, a mail that came, something else that changed in the Inbox. */
export type CallbackKind = "heartbeat" | "mail" | "modified"

/** Callbacks a second of each kind. */
export type CallbackRates = Readonly<Record<CallbackKind, number>>

export const KINDS: ReadonlyArray<CallbackKind> = ["heartbeat", "mail", "modified"]

/** The load model of 100,000 users: a heartbeat in 15 minutes each, and a working day's busy hour. */
export const PER_100_000: CallbackRates = { heartbeat: 111, mail: 300, modified: 900 }

/** The load model for as many users; `share` of it. */
export const ratesFor = (users: number, share = 1): CallbackRates => {
  const times = (users / 100_000) * share
  const { heartbeat, mail, modified } = PER_100_000
  return { heartbeat: heartbeat * times, mail: mail * times, modified: modified * times }
}

export const totalOf = (rates: CallbackRates): number => KINDS.reduce((sum, kind) => sum + rates[kind], 0)

/** A sequence of numbers in [0, 1) that is the same in every run (mulberry32). */
export const seededRandom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Picks a kind as often as its rate says. */
export const pickKind = (rates: CallbackRates, random: () => number): CallbackKind => {
  let left = random() * totalOf(rates)
  for (const kind of KINDS) {
    left -= rates[kind]
    if (left < 0) return kind
  }
  return "modified"
}

/**
 * Arrivals of a Poisson process, independent of any answer, at whole milliseconds: a timer is no finer, and what it rounds
 * away must not count as latency.
 */
export class Arrivals {
  readonly #perMillisecond: number
  readonly #random: () => number
  #exact = 0

  constructor(perSecond: number, random: () => number) {
    this.#perMillisecond = perSecond / 1000
    this.#random = random
    this.#step()
  }

  /** Milliseconds after the start at which the next one comes; infinite if none ever does. */
  get next(): number {
    return Math.ceil(this.#exact)
  }

  take(): number {
    const at = this.next
    this.#step()
    return at
  }

  #step(): void {
    this.#exact += -Math.log(1 - this.#random()) / this.#perMillisecond
  }
}
