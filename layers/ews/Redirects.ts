import { Effect } from "effect"
import { EwsUnusable } from "../../schemas/EwsError.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import type { CallSite } from "./EwsErrors.ts"
import type { Caller } from "./HttpSessions.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"

/** Redirects that are followed in one session. */
export const REDIRECTS_MAX = 3

/** Whether the answer asks to send the same request elsewhere. 303 asks for a GET, which EWS has no use for. */
export const isRedirect = ({ status }: HttpAnswer): boolean => STATUSES.has(status)

/**
 * Where a redirected EWS request may go: to an EWS URL that the policy allows. A server that nobody listed is trusted to
 * speak for itself only, and a Secure Email Gateway is not by-passed. Fails with a reason that names only the origin,
 * because the rest of a Location may hold anything.
 */
export const followed = (
  site: CallSite,
  from: AllowedEndpoint,
  answer: HttpAnswer,
  allow: Caller["allow"]
): Effect.Effect<AllowedEndpoint, EwsUnusable> => {
  const url = targetOf(from.url, answer)
  if (url === undefined) return notFollowed(site, answer, "a redirect to no URL")
  const redirect = `a redirect to ${url.origin}`
  if (!EWS_PATH.test(url.pathname)) return notFollowed(site, answer, `${redirect}, which is no EWS URL`)
  const forbidden = notFollowed(site, answer, `${redirect}, where credentials may not go`)
  const sameHost = url.hostname === URL.parse(from.url)?.hostname
  return allow(url.href).pipe(
    Effect.catchTag("EwsUrlNotAllowed", () => forbidden),
    Effect.filterOrElse(
      (target) => (target.listed || sameHost) && (target.seg || !from.seg),
      () => forbidden
    )
  )
}

/** The redirect that is one too many. */
export const tooManyRedirects = (site: CallSite, answer: HttpAnswer): Effect.Effect<never, EwsUnusable> =>
  notFollowed(site, answer, "too many redirects")

const STATUSES: ReadonlySet<number> = new Set([301, 302, 307, 308])
const EWS_PATH = /\/exchange\.asmx$/i
/** Longer than any URL that Exchange has. */
const LOCATION_MAX = 2048

const targetOf = (from: string, { headers }: HttpAnswer): URL | undefined => {
  const [location] = [headers["location"] ?? []].flat()
  const url = location === undefined || location.length > LOCATION_MAX ? null : URL.parse(location, from)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    return undefined
  }
  url.hash = ""
  return url
}

const notFollowed = (site: CallSite, { status }: HttpAnswer, reason: string) =>
  Effect.fail(new EwsUnusable({ ...site, status, reason }))
