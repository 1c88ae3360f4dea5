import type { AllowedEndpoint } from "./EndpointPolicy.ts"

/** An endpoint, taken apart for a request. */
export interface Target {
  readonly endpoint: AllowedEndpoint
  readonly url: URL
  readonly origin: string
  /** With the query. */
  readonly path: string
  /** https. */
  readonly secure: boolean
}

/** The policy has decided already; what it can never allow is refused here too, as undefined, before anything is opened. */
export const targetOf = (endpoint: AllowedEndpoint): Target | undefined => {
  const url = URL.parse(endpoint.url)
  if (url === null) return undefined
  const secure = url.protocol === "https:"
  const allowed = endpoint.listed ? secure || url.protocol === "http:" : secure && url.port === ""
  if (!allowed) return undefined
  return { endpoint, url, origin: url.origin, path: url.pathname + url.search, secure }
}
