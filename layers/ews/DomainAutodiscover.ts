import { Clock, Effect, Either, Layer, Redacted } from "effect"
import type { EwsError } from "../../schemas/EwsError.ts"
import { faultOf } from "../../schemas/Fault.ts"
import { Settings } from "../../schemas/Settings.ts"
import { makeHostList } from "../net/HostList.ts"
import type { Tenant } from "../storage/Storage.ts"
import { reportTrouble, settleTrouble } from "../telemetry/Troubles.ts"
import { Autodiscover, type Discovered } from "./Autodiscover.ts"
import { type Looked, makeAutodiscoverCache } from "./AutodiscoverCache.ts"
import { domainOf } from "./AutodiscoverCandidates.ts"
import { search } from "./AutodiscoverSearch.ts"
import { emptyReport, type SearchReport } from "./AutodiscoverTask.ts"
import { EndpointPolicy, EwsUrlNotAllowed, EwsUrlUnknown } from "./EndpointPolicy.ts"
import { endpointRules, readEndpoint } from "./EndpointRules.ts"
import { type Caller, HttpSessions } from "./HttpSessions.ts"
import { PlainRedirect } from "./PlainRedirect.ts"
import * as PlainRedirectLive from "./PlainRedirectLive.ts"
import * as SrvRecordsModule from "./SrvRecords.ts"
import { SrvRecords } from "./SrvRecords.ts"

/**
 * Autodiscover by an address's domain, and what it found remembered for 6 hours per tenant and domain. Where it may ask
 * is decided by `endpointOf`; the EWS URL that comes out goes through the policy like any other.
 */
export const layerWithSeams: Layer.Layer<
  Autodiscover,
  never,
  HttpSessions | EndpointPolicy | Settings | PlainRedirect | SrvRecords
> = Layer.effect(
  Autodiscover,
  Effect.gen(function* () {
    const settings = yield* Settings
    const policy = yield* EndpointPolicy
    const sessions = yield* HttpSessions
    const plain = yield* PlainRedirect
    const srv = yield* SrvRecords
    const rulesOf = endpointRules(settings)
    const bypass = makeHostList(settings.ewsProxyBypass)
    const cache = makeAutodiscoverCache(DOMAINS_MAX)

    const look = (
      tenant: Tenant,
      caller: Omit<Caller, "allow">,
      report: SearchReport,
      until: number
    ): Effect.Effect<Looked, EwsError> =>
      Effect.gen(function* () {
        const found = yield* search({
          address: Redacted.value(caller.credentials).address,
          configured: settings.autodiscoverUrls,
          // Redirects are followed by the search, never by the connection.
          caller: { ...caller, allow: () => new EwsUrlNotAllowed({ host: "" }) },
          rules: rulesOf(tenant),
          mayAskPlainly: (hostname) => settings.ewsProxyUrl === undefined || bypass.includes(hostname),
          until,
          sessions,
          plain,
          srv,
          report
        })
        if (found === undefined) {
          const result = Either.left(yield* unknown(report, placeOf(caller)))
          const finished = (yield* Clock.currentTimeMillis) < until
          return { result, holds: finished && isOfNobody(report) ? NOTHING_HOLDS : 0 }
        }
        const { endpoint, ofDomain, source, version } = found
        const what = `${source}, ${version ?? "no version named"}`
        yield* settleTrouble("autodiscover-missing", placeOf(caller))
        yield* Effect.logInfo(`Autodiscover found the EWS host ${new URL(endpoint.url).host} (${what})`)
        return { result: Either.right({ url: endpoint.url, version }), holds: ofDomain ? PLACE_HOLDS : 0 }
      })

    const find = (
      tenant: Tenant,
      caller: Omit<Caller, "allow">,
      timeout: number
    ): Effect.Effect<Discovered, EwsUrlUnknown | EwsError> =>
      Effect.gen(function* () {
        const report = emptyReport()
        const until = (yield* Clock.currentTimeMillis) + timeout
        const domain = domainOf(Redacted.value(caller.credentials).address)
        const looking = look(tenant, caller, report, until)
        // Without a domain there is nobody to share the result with.
        const finding =
          domain === undefined
            ? Effect.map(looking, ({ result }) => result)
            : cache.through(keyOf(tenant, domain), looking)
        const result = yield* finding.pipe(
          Effect.timeoutTo({
            duration: timeout,
            onSuccess: Effect.succeed,
            onTimeout: () => {
              report.notes.push("no time is left")
              return Effect.map(unknown(report, placeOf(caller)), Either.left)
            }
          }),
          Effect.flatten
        )
        const { url, version } = yield* result
        return yield* policy.recall(tenant, url).pipe(
          Effect.map((endpoint) => ({ endpoint, version })),
          // Lists may have changed while the place was remembered.
          Effect.catchAll(() =>
            Effect.zipRight(forget(tenant, url), Effect.fail(new EwsUrlUnknown({ answered: true })))
          )
        )
      })

    const forget = (tenant: Tenant, url: string) => {
      const gone = readEndpoint(url)?.href
      return cache.drop((key, place) => key.startsWith(keyOf(tenant, "")) && place.url === gone)
    }

    return Autodiscover.of({ find, forget })
  })
)

/** The same over the system's DNS and real plain HTTP. */
export const layer: Layer.Layer<Autodiscover, never, HttpSessions | EndpointPolicy | Settings> =
  layerWithSeams.pipe(Layer.provide(Layer.merge(PlainRedirectLive.layer, SrvRecordsModule.layer)))

const DOMAINS_MAX = 1_000
const PLACE_HOLDS = 6 * 60 * 60_000
const NOTHING_HOLDS = 30_000

const keyOf = (tenant: Tenant, domain: string) => `${tenant.tenant} ${domain}`

/** Nothing about it depended on who asked, so that it holds for others of the domain. */
const isOfNobody = ({ answered, busy, loggedIn }: SearchReport) =>
  !answered && !loggedIn && busy === undefined

/** One line that says why not, for whoever runs the service; devices get the short text. */
const unknown = ({ answered, busy, notes }: SearchReport, where: string): Effect.Effect<EwsUrlUnknown> => {
  const isAnswered = answered && busy === undefined
  const error = new EwsUrlUnknown({
    answered: isAnswered,
    ...(busy === undefined ? {} : { retryAfter: busy || BUSY_RETRY })
  })
  const tried = notes.length === 0 ? "the address has no domain to ask" : notes.join("; ")
  const fault = busy === undefined ? "autodiscover-missing" : "exchange-busy"
  const what = `${error.message} Tried: ${tried.slice(0, NOTES_MAX)}`
  return reportTrouble({ fault, where, what, told: true }).pipe(
    Effect.zipRight(
      Effect.annotateLogs(Effect.logWarning(`${what}; ${faultOf(fault).cure}`), "fault", fault)
    ),
    Effect.as(error)
  )
}

/** What Autodiscover is asked for. */
const placeOf = ({ credentials }: Omit<Caller, "allow">): string =>
  domainOf(Redacted.value(credentials).address) ?? "Autodiscover"

const BUSY_RETRY = 60_000
const NOTES_MAX = 2_000
