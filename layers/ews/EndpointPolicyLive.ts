import { Effect, Layer } from "effect"
import { Settings } from "../../schemas/Settings.ts"
import { isLoopback } from "../net/Loopback.ts"
import { EndpointPolicy, EwsUrlNotAllowed, EwsUrlUnknown } from "./EndpointPolicy.ts"
import { type HostList, makeHostList } from "./HostList.ts"

/**
 * The rule of contract section 3 over the tenant's list and `ENS_EWS_ALLOWED_HOSTS`. Where neither exists, Autodiscover
 * would have to say which URL is right; until it can be asked, no URL is allowed and none is known.
 */
export const layer: Layer.Layer<EndpointPolicy, never, Settings> = Layer.effect(
  EndpointPolicy,
  Effect.map(Settings, (settings) => {
    const hosts = makeHostList(settings.ewsAllowedHosts)
    return EndpointPolicy.of({
      choose: (tenant, requested) => {
        const listed = tenant.ewsUrls.map(endpointOf).filter((url) => url !== undefined)
        if (requested === undefined) {
          const [first] = listed
          return first === undefined
            ? Effect.fail(new EwsUrlUnknown({ answered: false }))
            : Effect.succeed({ url: first.href, listed: true })
        }
        const url = endpointOf(requested)
        const chosen = url && (amongListed(listed, url) ?? amongHosts(hosts, url))
        return chosen === undefined
          ? Effect.fail(new EwsUrlNotAllowed({ host: url?.host ?? "" }))
          : Effect.succeed({ url: chosen.href, listed: true })
      }
    })
  })
)

/**
 * `URL` writes hosts in lower case and addresses in one form (`0x7f.1` is `127.0.0.1`), so that they can be compared. A name or password in a URL belongs to nobody here.
 */
const endpointOf = (text: string): URL | undefined => {
  const url = URL.parse(text.trim())
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    return undefined
  }
  url.hash = ""
  return url
}

/**
 * A listed host may be used with its scheme on any port and with any path; where only the path's case differs, the
 * administrator's spelling is right.
 */
const amongListed = (listed: ReadonlyArray<URL>, url: URL): URL | undefined => {
  const sameHost = listed.filter((one) => one.protocol === url.protocol && one.hostname === url.hostname)
  if (sameHost.length === 0) return undefined
  const path = (one: URL) => (one.pathname + one.search).toLowerCase()
  const spelled = sameHost.find((one) => path(one) === path(url)) ?? url
  const chosen = new URL(url)
  chosen.pathname = spelled.pathname
  chosen.search = spelled.search
  return chosen
}

/** Plain http only to this machine; for names the connection itself makes sure of it. */
const amongHosts = (hosts: HostList, url: URL): URL | undefined =>
  hosts.includes(url.hostname) && (url.protocol === "https:" || isLoopback(url)) ? url : undefined
