import { placeOf } from "./Offers.ts"

/** What a call wants to know of an EWS URL. */
export interface UrlParts {
  readonly url: URL
  readonly origin: string
  /** With the port, if it is not the usual one. */
  readonly host: string
  readonly hostname: string
  /** With the query. */
  readonly path: string
  /** https. */
  readonly secure: boolean
  /** The place at which the server has one offer for logging in. */
  readonly place: string
}

/** Undefined if it is no URL. Several look at each call's URL, and URLs are few, so the last ones are remembered. */
export const partsOf = (url: string): UrlParts | undefined => {
  const known = KNOWN.get(url)
  if (known !== undefined) return known
  const parsed = URL.parse(url)
  if (parsed === null) return undefined
  const parts: UrlParts = {
    url: parsed,
    origin: parsed.origin,
    host: parsed.host,
    hostname: parsed.hostname,
    path: parsed.pathname + parsed.search,
    secure: parsed.protocol === "https:",
    place: placeOf(parsed)
  }
  if (KNOWN.size >= KNOWN_MAX) KNOWN.clear()
  if (url.length <= LONGEST_KNOWN) KNOWN.set(url, parts)
  return parts
}

const KNOWN = new Map<string, UrlParts>()
const KNOWN_MAX = 1_000
const LONGEST_KNOWN = 512
