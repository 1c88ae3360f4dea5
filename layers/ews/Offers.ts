/** Places whose offers are remembered at a time, and for how many milliseconds. */
export const OFFERS_MAX = 1_024
export const OFFER_AGE = 60 * 60 * 1000

interface Offer {
  readonly schemes: ReadonlyArray<string>
  readonly learntAt: number
}

/**
 * What servers offer for logging in, learnt from 401s to requests without credentials: to others a server may answer with a
 * part of its offer. A place is an origin and the first step of the path, because IIS
 * has the offer per virtual directory (`/EWS`, `/Autodiscover`). Times are milliseconds.
 */
export class Offers {
  readonly #places = new Map<string, Offer>()

  /** The schemes; undefined if nothing is known, or nothing fresh. */
  of(place: string, now: number): ReadonlyArray<string> | undefined {
    const offer = this.#places.get(place)
    if (offer === undefined) return undefined
    if (now - offer.learntAt < OFFER_AGE) return offer.schemes
    this.#places.delete(place)
    return undefined
  }

  /** What was believed has turned out to be wrong. */
  forget(place: string): void {
    this.#places.delete(place)
  }

  /** A 401 without any scheme teaches nothing. */
  learn(place: string, schemes: ReadonlyArray<string>, now: number): void {
    this.#places.delete(place)
    if (schemes.length === 0) return
    if (this.#places.size >= OFFERS_MAX) {
      const [oldest] = this.#places.keys()
      if (oldest !== undefined) this.#places.delete(oldest)
    }
    this.#places.set(place, { schemes, learntAt: now })
  }
}

/** The place that a URL belongs to. */
export const placeOf = (url: URL): string =>
  `${url.origin}/${url.pathname.split("/", 2)[1]!.toLowerCase().slice(0, 64)}`
