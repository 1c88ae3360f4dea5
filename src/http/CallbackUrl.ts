/** What a callback URL carries, still to be verified. `f` and `s` are compared byte for byte. */
export interface CallbackQuery {
  readonly id: string
  readonly f: string
  readonly s: string
}

const ENDPOINT = "/pushnotificationlistener"
/** The URLs that we make are under 2,000 characters; a proxy may have escaped some. */
const URL_MAX = 4096

/**
 * Whether a request target is the callback endpoint under one of the base paths. Case, a trailing slash and doubled
 * slashes do not matter, as with the routes beside it (ENS2 ran on ASP.NET).
 */
export const makeIsCallback = (basePaths: ReadonlyArray<string>): ((target: string) => boolean) => {
  const endpoints = basePaths.map((base) => base + ENDPOINT)
  // As Exchange got it from us, which is nearly always, nothing need be cut out or lowered.
  const written = endpoints.map((endpoint) => `${endpoint}?`)
  const paths = new Set(endpoints.map(normalPath))
  return (target) => written.some((start) => target.startsWith(start)) || paths.has(normalPath(target))
}

/** The path of a request target as it is compared: without case, a trailing slash, doubled slashes and query. */
export const normalPath = (target: string): string =>
  pathOf(target)
    .toLowerCase()
    .replace(/\/{2,}/g, "/")
    .replace(/\/$/, "")

/**
 * The three parameters of a callback URL, in any order; undefined if one is missing or broken. By hand, because
 * `URLSearchParams` costs more than the MAC and turns "+" into a blank.
 */
export const parseCallbackQuery = (target: string): CallbackQuery | undefined => {
  const start = target.indexOf("?")
  if (start < 0 || target.length > URL_MAX) return undefined
  let id: string | undefined
  let f: string | undefined
  let s: string | undefined
  let from = start + 1
  while (from < target.length) {
    const end = target.indexOf("&", from)
    const to = end < 0 ? target.length : end
    if (target.startsWith("id=", from)) id ??= target.slice(from + 3, to)
    else if (target.startsWith("f=", from)) f ??= target.slice(from + 2, to)
    else if (target.startsWith("s=", from)) s ??= target.slice(from + 2, to)
    from = to + 1
  }
  return id === undefined || f === undefined || s === undefined
    ? undefined
    : unescaped({ id, f, s }, target.includes("%", start))
}

const unescaped = (query: CallbackQuery, escaped: boolean): CallbackQuery | undefined => {
  if (!escaped) return query
  try {
    return {
      id: decodeURIComponent(query.id),
      f: decodeURIComponent(query.f),
      s: decodeURIComponent(query.s)
    }
  } catch {
    return undefined
  }
}

const pathOf = (target: string): string => {
  const query = target.indexOf("?")
  const path = query < 0 ? target : target.slice(0, query)
  // A server must also understand the absolute form (RFC 9112 section 3.2.2).
  return path.startsWith("/") ? path : path.replace(/^https?:\/\/[^/]*/i, "")
}
