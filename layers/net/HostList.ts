import { BlockList, isIP } from "node:net"

/** Hosts that an operator allows (`ENS_EWS_ALLOWED_HOSTS`): names, addresses, and networks in CIDR notation. */
export interface HostList {
  /**
   * `hostname` as `URL` writes it. Names match names, ignoring case, and never a network: what a name resolves to is in
   * somebody else's hands. Networks match hosts that are written as addresses.
   */
  readonly includes: (hostname: string) => boolean
}

/** Entries that are neither a name, an address nor a network match nothing. */
export const makeHostList = (entries: ReadonlyArray<string>): HostList => {
  const names = new Set<string>()
  const networks = new BlockList()
  for (const entry of entries) {
    const [network = "", prefix] = entry.trim().toLowerCase().split("/")
    const address = bare(network)
    const family = isIP(address)
    const bits = family === 4 ? 32 : 128
    const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
    if (family === 0 && prefix === undefined && network !== "") names.add(network)
    else if (family !== 0 && length <= bits) networks.addSubnet(address, length, familyName(family))
  }
  return {
    includes: (hostname) => {
      const address = bare(hostname)
      const family = isIP(address)
      return family === 0 ? names.has(hostname.toLowerCase()) : networks.check(address, familyName(family))
    }
  }
}

const bare = (hostname: string) => hostname.replace(/^\[|\]$/g, "")
const familyName = (family: number) => (family === 4 ? "ipv4" : "ipv6")
