import type { IncomingMessage } from "node:http"

/**
 * The cookie that keeps a client at one mailbox server. Given to requests that prefer affinity; those that belong
 * together name the same client-request-id.
 */
export class Affinity {
  readonly #given = new Map<string, string>()
  #last = 1_941_996_295

  /** Value of Set-Cookie for the answer; undefined if the request wants none or has one. */
  cookieFor(request: IncomingMessage): string | undefined {
    if (request.headers["x-preferserveraffinity"] !== "true" || cookieOf(request) !== undefined)
      return undefined
    this.#last += 1
    const value = `sandbox.exchange.example~${this.#last}`
    this.#given.set(workOf(request), value)
    if (this.#given.size > MAX_GIVEN) this.#given.delete(this.#given.keys().next().value!)
    return `${NAME}=${value}; path=/; HttpOnly`
  }

  /** Whether this request should bring a cookie and does not. */
  isLost(request: IncomingMessage): boolean {
    const given = this.#given.get(workOf(request))
    return given !== undefined && cookieOf(request) !== given
  }
}

const workOf = (request: IncomingMessage): string => String(request.headers["client-request-id"] ?? "")

const cookieOf = (request: IncomingMessage): string | undefined =>
  request.headers.cookie
    ?.split(/; */)
    .find((pair) => pair.startsWith(`${NAME}=`))
    ?.slice(NAME.length + 1)

const NAME = "X-BackEndOverrideCookie"
const MAX_GIVEN = 1000
