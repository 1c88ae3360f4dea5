import { Effect, Layer } from "effect"
import { Settings } from "../../schemas/Settings.ts"
import { type HostList, makeHostList } from "../net/HostList.ts"
import { isLoopback } from "../net/Loopback.ts"
import type { Tenant } from "../storage/Storage.ts"
import { type AllowedEndpoint, type Choice, EndpointPolicy, EwsUrlNotAllowed } from "./EndpointPolicy.ts"

/**
 * The rule of contract section 3 over the tenant's list and `ENS_EWS_ALLOWED_HOSTS`. Where neither exists, Autodiscover
 * says which URL is right.
 */
export const layer: Layer.Layer<EndpointPolicy, never, Settings> = Layer.effect(
  EndpointPolicy,
  Effect.map(Settings, (settings) => {
    const hosts = makeHostList(settings.ewsAllowedHosts)
    const segHosts = makeHostList(settings.segHosts)
    const listsNothing = (tenant: Tenant) =>
      tenant.ewsUrls.length === 0 && settings.ewsAllowedHosts.length === 0
    const allowed = (tenant: Tenant, url: URL, listed: boolean): AllowedEndpoint => ({
      url: url.href,
      listed,
      pins: tenant.ewsPins,
      seg: tenant.seg || segHosts.includes(url.hostname)
    })
    const refuse = (url: URL | undefined) => Effect.fail(new EwsUrlNotAllowed({ host: url?.host ?? "" }))
    const find = (tenant: Tenant, requested: string) => {
      const listed = tenant.ewsUrls.map(endpointOf).filter((url) => url !== undefined)
      const url = endpointOf(requested)
      const chosen = url && (amongListed(listed, url) ?? amongHosts(hosts, url))
      return { url, chosen }
    }
    return EndpointPolicy.of({
      choose: (tenant, requested): Effect.Effect<Choice, EwsUrlNotAllowed> => {
        if (requested === undefined) {
          const [first] = tenant.ewsUrls.map(endpointOf).filter((url) => url !== undefined)
          return Effect.succeed(
            first === undefined
              ? { _tag: "Autodiscover", wanted: undefined }
              : { _tag: "Endpoint", endpoint: allowed(tenant, first, true) }
          )
        }
        const { chosen, url } = find(tenant, requested)
        if (chosen !== undefined) {
          return Effect.succeed({ _tag: "Endpoint", endpoint: allowed(tenant, chosen, true) })
        }
        return url !== undefined && listsNothing(tenant) && isPlainHttps(url)
          ? Effect.succeed({ _tag: "Autodiscover", wanted: url.href })
          : refuse(url)
      },
      recall: (tenant, stored) => {
        const { chosen, url } = find(tenant, stored)
        if (chosen !== undefined) return Effect.succeed(allowed(tenant, chosen, true))
        return url !== undefined && listsNothing(tenant) && isPlainHttps(url)
          ? Effect.succeed(allowed(tenant, url, false))
          : refuse(url)
      }
    })
  })
)

/** All that an unlisted host may be asked on. */
const isPlainHttps = (url: URL) => url.protocol === "https:" && url.port === ""

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
