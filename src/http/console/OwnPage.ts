import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"

type Headers = HttpServerRequest.HttpServerRequest["headers"]

/**
 * Whether the console's own page sends this, as the browser says. `Sec-Fetch-Site` cannot be set by pages and stays right
 * behind proxies that change `Host`; browsers leave it out where the address is neither https nor loopback, and then
 * `Origin` must be the host that was asked.
 */
export const isOwnPage = (headers: Headers): boolean => {
  const site = headers["sec-fetch-site"]
  if (site !== undefined) return site === "same-origin"
  const origin = headers["origin"]
  return origin !== undefined && URL.parse(origin)?.host === headers["host"]?.toLowerCase()
}

/** Whether another site's page surely sends this; reading may come without any word of the browser's. */
export const isForeignPage = (headers: Headers): boolean => {
  const site = headers["sec-fetch-site"]
  if (site !== undefined) return site !== "same-origin" && site !== "none"
  const origin = headers["origin"]
  return origin !== undefined && !isOwnPage(headers)
}

/**
 * Whether the browser speaks https, to a proxy then: as the page's own origin says, or the proxy. Who lies here only makes its
 * own cookie useless.
 */
export const isHttps = (headers: Headers): boolean =>
  headers["x-forwarded-proto"]?.split(",")[0]?.trim().toLowerCase() === "https" ||
  headers["origin"]?.toLowerCase().startsWith("https:") === true
