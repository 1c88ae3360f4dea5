/** Silence of so many subscriptions of a host is the host's (or our) fault and not theirs (contract section 3). */
export const SHARED_FRACTION = 0.05
/** One subscription alone says nothing of its host, however few the host has. */
export const SHARED_LEAST = 2
/** Further silences of the same fault make a hold longer, up to so many times. */
export const LONGEST_HOLDS = 2

interface Host {
  population: number
  /** When subscriptions fell silent; oldest first. */
  silent: Array<number>
  /** Where those within the last window begin. */
  first: number
  /** While a shared fault is assumed: since when. */
  heldSince: number
  /** While a shared fault is assumed: until when nudges are held. */
  heldUntil: number
}

/**
 * Tells a single silent subscription from a fault that a whole host shares. Pure bookkeeping; times are milliseconds.
 * `window`: how long apart silences count as one; `hold`: how long nudges are held after the last silence of a fault.
 * Heartbeats are spread, so those of one fault fall silent over the whole StatusFrequency: each of them prolongs the hold
 * that is on, instead of raising another alarm. A big host always has some that fall silent, so it ends all the same.
 */
export class SilenceWatch {
  readonly window: number
  readonly hold: number
  readonly #hosts = new Map<number, Host>()

  constructor(window: number, hold: number) {
    this.window = window
    this.hold = hold
  }

  joined(host: number): void {
    this.#host(host).population += 1
  }

  left(host: number): void {
    const known = this.#hosts.get(host)
    if (known === undefined) return
    known.population -= 1
    if (known.population <= 0) this.#hosts.delete(host)
  }

  /** A subscription fell silent. True if this makes the fault a shared one: raise the alarm, once. */
  silent(host: number, now: number): boolean {
    const known = this.#host(host)
    known.silent.push(now)
    const recent = forgetOld(known, now - this.window)
    if (known.heldUntil > now) {
      known.heldUntil = Math.min(now + this.hold, known.heldSince + LONGEST_HOLDS * this.hold)
      return false
    }
    if (recent < SHARED_LEAST || recent <= known.population * SHARED_FRACTION) return false
    known.heldSince = now
    known.heldUntil = now + this.hold
    return true
  }

  /** The host was heard of again: what is still silent may be nudged. True if that ends a shared fault. */
  heard(host: number, now: number): boolean {
    const known = this.#hosts.get(host)
    if (known === undefined || known.heldUntil <= now) return false
    known.heldUntil = 0
    known.silent = []
    known.first = 0
    return true
  }

  isHeld(host: number, now: number): boolean {
    return (this.#hosts.get(host)?.heldUntil ?? 0) > now
  }

  #host(host: number): Host {
    const known = this.#hosts.get(host) ?? {
      population: 0,
      silent: [],
      first: 0,
      heldSince: 0,
      heldUntil: 0
    }
    this.#hosts.set(host, known)
    return known
  }
}

/** How many are left. Tens of thousands may fall silent at once: the array is not moved for each. */
const forgetOld = (host: Host, until: number): number => {
  while ((host.silent[host.first] ?? Number.POSITIVE_INFINITY) <= until) host.first += 1
  if (host.first * 2 > host.silent.length) {
    host.silent.splice(0, host.first)
    host.first = 0
  }
  return host.silent.length - host.first
}
