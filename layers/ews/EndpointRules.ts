import { isIP } from "node:net"
import type { SettingsShape } from "../../schemas/Settings.ts"
import { reachOf } from "../net/AddressReach.ts"
import { type HostList, makeHostList } from "../net/HostList.ts"
import { isLoopback } from "../net/Loopback.ts"
import type { Tenant } from "../storage/Storage.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"

/** The rule of contract section 3, "Where credentials may go", for one tenant. Pure: nothing is resolved here. */
export interface EndpointRules {
  /** Neither the tenant nor `ENS_EWS_ALLOWED_HOSTS` names a host: any public one may be led to. */
  readonly listsNothing: boolean
  /** The tenant's own first URL. */
  readonly first: AllowedEndpoint | undefined
  /** What a URL stands for whose host is listed or, where nothing is, may be used without being listed. */
  readonly find: (url: URL | undefined) => AllowedEndpoint | undefined
}

/** Makes the rules of a tenant; the settings' lists are read only once. */
export const endpointRules = (
  settings: Pick<SettingsShape, "ewsAllowedHosts" | "segHosts">
): ((tenant: Tenant) => EndpointRules) => {
  const hosts = makeHostList(settings.ewsAllowedHosts)
  const segHosts = makeHostList(settings.segHosts)
  return (tenant) => {
    const own = tenant.ewsUrls.map(readEndpoint).filter((url) => url !== undefined)
    // A URL in the list that cannot be read still is a list: nothing else may be meant.
    const listsNothing = tenant.ewsUrls.length === 0 && settings.ewsAllowedHosts.length === 0
    const allowed = (url: URL, listed: boolean): AllowedEndpoint => ({
      url: url.href,
      listed,
      pins: tenant.ewsPins,
      seg: tenant.seg || segHosts.includes(url.hostname)
    })
    return {
      listsNothing,
      first: own[0] && allowed(own[0], true),
      find: (url) => {
        if (url === undefined || reachOfHost(url.hostname) === "never") return undefined
        const listed = amongListed(own, url) ?? amongHosts(hosts, url)
        if (listed !== undefined) return allowed(listed, true)
        return listsNothing && mayBeUnlisted(url) ? allowed(url, false) : undefined
      }
    }
  }
}

/**
 * A URL that credentials could go to at all. `URL` writes hosts in lower case and addresses in one form (`0x7f.1` is
 * `127.0.0.1`), so that they can be compared. A name or password in a URL belongs to nobody here.
 */
export const readEndpoint = (text: string): URL | undefined => {
  const url = URL.parse(text.trim())
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    return undefined
  }
  url.hash = ""
  return url
}

/**
 * All that a host which nobody listed may be asked on: https, port 443, a name or address that can be public. What a name
 * resolves to is checked when it is connected to.
 */
export const mayBeUnlisted = (url: URL): boolean => {
  if (url.protocol !== "https:" || url.port !== "") return false
  const reach = reachOfHost(url.hostname)
  return reach === undefined ? isPublicName(url.hostname) : reach === "public"
}

/** Names without a dot are looked for in the local network, and these endings are never public (RFC 6761, RFC 6762). */
const isPublicName = (hostname: string): boolean => {
  const labels = hostname.replace(/\.$/, "").split(".")
  return labels.length > 1 && !/^(?:localhost|local|internal)$/.test(labels.at(-1) ?? "")
}

/** undefined: the host is a name. */
const reachOfHost = (hostname: string) => {
  const address = hostname.replace(/^\[|\]$/g, "")
  return isIP(address) === 0 ? undefined : reachOf(address)
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
