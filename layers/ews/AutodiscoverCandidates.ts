import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import { type EndpointRules, readEndpoint } from "./EndpointRules.ts"
import { isJsonUrl } from "./JsonAutodiscover.ts"

/**
 * How much a candidate's URL can be relied on. `secure`: it follows from the address's own domain, or the operator or an
 * HTTPS answer of a validated host named it. `open`: plain HTTP or DNS named it, which anyone on the way can write.
 */
export type Channel = "secure" | "open"

/** A place to ask, or to ask for a place to ask. */
export type Candidate =
  /** SOAP and POX at `base`, a URL without its `.svc` or `.xml`. */
  | {
      readonly _tag: "Service"
      readonly base: string
      readonly address: string
      readonly channel: Channel
    }
  /** Autodiscover v2 at this URL. */
  | {
      readonly _tag: "Json"
      readonly url: string
      readonly address: string
      readonly channel: Channel
    }
  /** A GET over plain HTTP, without credentials, that may name a service by a redirect. */
  | { readonly _tag: "PlainHttp"; readonly url: string; readonly address: string }
  /** DNS SRV records that may name one. */
  | { readonly _tag: "Srv"; readonly name: string; readonly address: string }

/** The candidates for an address, in order (FACTS section 9); none if it has no domain that could have any. */
export const candidatesFor = (
  address: string,
  configured: ReadonlyArray<string> = []
): ReadonlyArray<Candidate> => {
  const domain = domainOf(address)
  const service = (base: string): Candidate => ({ _tag: "Service", base, address, channel: "secure" })
  const services = configured.map(configuredBase).filter((base) => base !== undefined)
  if (domain === undefined) return services.map(service)
  return [
    ...services.map(service),
    service(`https://${domain}${PATH}`),
    service(`https://autodiscover.${domain}${PATH}`),
    { _tag: "PlainHttp", url: `http://autodiscover.${domain}${PATH}.xml`, address },
    { _tag: "Srv", name: `_autodiscover._tcp.${domain}`, address }
  ]
}

/** The candidate that a redirect to this URL stands for; undefined if no Autodiscover service has such a URL. */
export const redirectCandidate = (
  target: string,
  address: string,
  channel: Channel
): Extract<Candidate, { readonly _tag: "Service" | "Json" }> | undefined => {
  const url = readEndpoint(target)
  if (url === undefined) return undefined
  if (channel === "secure" && isJsonUrl(url)) return { _tag: "Json", url: url.href, address, channel }
  const base = baseOf(url)
  return base === undefined ? undefined : { _tag: "Service", base, address, channel }
}

/** The candidate on the host that a SRV record names. */
export const srvCandidate = (
  target: string,
  port: number,
  address: string
): Extract<Candidate, { readonly _tag: "Service" }> | undefined => {
  const origin = URL.parse(`https://${target}:${port}/`)?.origin
  return origin === undefined ? undefined : { _tag: "Service", base: origin + PATH, address, channel: "open" }
}

/** Two candidates of the same identity are the same question, so that redirects in a circle end. */
export const identityOf = (candidate: Candidate): string => {
  const { address } = candidate
  // Its URL is all of the question; a redirect may name it whoever is asked for.
  if (candidate._tag === "Json") return `Json ${candidate.url}`.toLowerCase()
  const where =
    candidate._tag === "Service" ? candidate.base : candidate._tag === "Srv" ? candidate.name : candidate.url
  return `${candidate._tag} ${where} ${address}`.toLowerCase()
}

/**
 * The endpoint that a candidate's URL is, if it may be asked: it must be listed if anything is, else anything public on
 * port 443 that a secure channel named; what an open channel named must lie in the address's domain, or belong to
 * Microsoft's service. No Autodiscover service is a Secure Email Gateway.
 */
export const endpointOf = (
  rules: EndpointRules,
  url: string,
  channel: Channel,
  address: string
): AllowedEndpoint | undefined => {
  const endpoint = rules.find(readEndpoint(url))
  if (endpoint === undefined) return undefined
  const named = new URL(endpoint.url).hostname
  if (!endpoint.listed && channel === "open" && !isInside(named, domainOf(address)) && !isMicrosofts(named)) {
    return undefined
  }
  return { ...endpoint, seg: false }
}

/** The domain of an address as host names are written (ASCII, lower case); undefined if it cannot be one of a mailbox. */
export const domainOf = (address: string): string | undefined => {
  const at = address.lastIndexOf("@")
  const domain = address.slice(at + 1).trim()
  // Servers answer longer ones, in headers and URLs, with errors that say nothing of the domain.
  if (address.length > ADDRESS_MAX) return undefined
  // `URL` takes other things for hosts too: addresses, and whatever follows a second "@" or ends at a "/".
  if (at < 1 || domain.length > DOMAIN_MAX || /[\s/\\:@?#%[\]<>^|]/.test(domain)) return undefined
  const host = URL.parse(`https://${domain}/`)?.hostname
  if (host === undefined || /^[\d.]+$/.test(host)) return undefined
  return /^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+[a-z0-9-]+$/.test(host) ? host : undefined
}

const PATH = "/autodiscover/autodiscover"
/** 64 characters before the @, and 255 after it (RFC 5321, 4.5.3.1). */
const ADDRESS_MAX = 320
const DOMAIN_MAX = 253 - "_autodiscover._tcp.".length

/** Without query and extension; undefined unless the path is `/autodiscover/…/autodiscover.xml` or `.svc`. */
const baseOf = (url: URL): string | undefined => {
  const path = /^(\/autodiscover\/(?:[^/]+\/)*autodiscover)\.(?:xml|svc)$/i.exec(url.pathname)?.[1]
  return path === undefined ? undefined : url.origin + path
}

/** Operators may name the host alone. */
const configuredBase = (text: string): string | undefined => {
  const url = readEndpoint(text)
  return url && (baseOf(url) ?? url.origin + PATH)
}

const isInside = (host: string, domain: string | undefined) =>
  domain !== undefined && (host === domain || host.endsWith(`.${domain}`))

/** Where customers of Exchange Online are redirected to; `autodiscover-s.outlook.com` is the usual one. */
const isMicrosofts = (host: string) => /(?:^|\.)(?:outlook|office365)\.com$/.test(host)
