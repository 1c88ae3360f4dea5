/** Bounds of what one session remembers. */
export const COOKIES_MAX = 16
export const COOKIE_BYTES_MAX = 4_096

interface Cookie {
  readonly origin: string
  readonly name: string
  readonly value: string
  readonly secure: boolean
}

/**
 * The cookies of one session: Exchange's `X-BackEndOverrideCookie` and those by which load balancers keep a client with
 * one server. They go back to the origin that set them and to no other, whatever domain and path they name (RFC 6265 with
 * host-only cookies). Where there are too many, the oldest are forgotten.
 */
export class Cookies {
  #cookies: ReadonlyArray<Cookie> = []

  /** Value of the header `Cookie` for this URL; undefined if there is none to send. */
  headerFor(url: URL): string | undefined {
    if (this.#cookies.length === 0) return undefined
    const secure = url.protocol === "https:"
    const own = this.#cookies.filter((cookie) => cookie.origin === url.origin && (secure || !cookie.secure))
    return own.length === 0 ? undefined : own.map(({ name, value }) => `${name}=${value}`).join("; ")
  }

  /** Takes over what an answer from this URL sets. `now`: milliseconds since 1970. */
  store(url: URL, setCookie: string | ReadonlyArray<string> | undefined, now: number): void {
    if (setCookie === undefined) return
    for (const line of [setCookie].flat().slice(0, LINES_MAX)) this.#take(url, line, now)
  }

  #take(url: URL, line: string, now: number): void {
    const [pair = "", ...attributes] = line.slice(0, COOKIE_BYTES_MAX * 2).split(";")
    const equals = pair.indexOf("=")
    const name = pair.slice(0, Math.max(equals, 0)).trim()
    const value = pair.slice(equals + 1).trim()
    if (!NAME.test(name) || !VALUE.test(value) || name.length + value.length > COOKIE_BYTES_MAX) return
    const attribute = new Map(attributes.map(keyAndValue))
    const secure = attribute.has("secure")
    if (secure && url.protocol !== "https:") return
    const kept = this.#cookies.filter((cookie) => cookie.origin !== url.origin || cookie.name !== name)
    this.#cookies = isOver(attribute, now)
      ? kept
      : newest([...kept, { origin: url.origin, name, value, secure }])
  }
}

const LINES_MAX = 64
const NAME = /^[!#$%&'*+.^_`|~\w-]+$/
/** What a header can hold, and no end of the cookie. */
const VALUE = /^[\x20-\x3a\x3c-\x7e]*$/

const keyAndValue = (attribute: string): readonly [string, string] => {
  const [key = "", ...value] = attribute.split("=")
  return [key.trim().toLowerCase(), value.join("=").trim()]
}

/** `Max-Age` wins over `Expires` (RFC 6265, 5.3). */
const isOver = (attribute: ReadonlyMap<string, string>, now: number): boolean => {
  const maxAge = attribute.get("max-age")
  if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return Number(maxAge) <= 0
  const expires = attribute.get("expires")
  return expires !== undefined && Date.parse(expires) <= now
}

const newest = (cookies: ReadonlyArray<Cookie>): ReadonlyArray<Cookie> => {
  let left = COOKIE_BYTES_MAX
  let count = 0
  for (const { name, value } of cookies.toReversed()) {
    left -= name.length + value.length
    if (left < 0 || count === COOKIES_MAX) break
    count++
  }
  return cookies.slice(cookies.length - count)
}
