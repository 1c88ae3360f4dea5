import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import { partsOf, type UrlParts } from "./UrlParts.ts"

/** An endpoint, taken apart for a request. */
export interface Target extends UrlParts {
  readonly endpoint: AllowedEndpoint
}

/** The policy has decided already; what it can never allow is refused here too, as undefined, before anything is opened. */
export const targetOf = (endpoint: AllowedEndpoint): Target | undefined => {
  const parts = partsOf(endpoint.url)
  if (parts === undefined) return undefined
  const { secure, url } = parts
  const allowed = endpoint.listed ? secure || url.protocol === "http:" : secure && url.port === ""
  return allowed ? { ...parts, endpoint } : undefined
}
