import { isIP } from "node:net"
import { makeHostList } from "../../layers/net/HostList.ts"

/** What of a request, or of a connection, tells where it comes from; an `IncomingMessage` is one. */
export interface Asker {
  readonly socket: { readonly remoteAddress?: string | undefined }
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
}

/** Says from which address a request really comes. */
export type SourceOf = (asker: Asker) => string

/**
 * The peer's address; behind a trusted proxy (addresses, CIDRs) the one that the proxy says it forwards for. Of several in
 * `X-Forwarded-For` the last that is no trusted proxy itself: whatever stands before it, anybody may have written. Headers
 * of everybody else count for nothing.
 */
export const makeSourceOf = (trustedProxies: ReadonlyArray<string>): SourceOf => {
  if (trustedProxies.length === 0) return ({ socket }) => plainAddress(socket.remoteAddress)
  const trusted = makeHostList(trustedProxies)
  return ({ headers, socket }) => {
    let source = plainAddress(socket.remoteAddress)
    const forwarded = headers["x-forwarded-for"]
    if (forwarded === undefined) return source
    const hops = String(forwarded).split(",")
    while (trusted.includes(source)) {
      const hop = addressIn(hops.pop())
      if (hop === undefined) return source
      source = hop
    }
    return source
  }
}

/** Whether a peer is one of the proxies. */
export const makeIsProxy = (
  trustedProxies: ReadonlyArray<string>
): ((peer: string | undefined) => boolean) => {
  if (trustedProxies.length === 0) return () => false
  const trusted = makeHostList(trustedProxies)
  return (peer) => trusted.includes(plainAddress(peer))
}

/** What limits go by: an IPv4 address, and of IPv6 the /64, all of which one customer has. */
export const limitKeyOf = (address: string): string => {
  if (!address.includes(":")) return address
  const [front = "", back] = (address.split("%")[0] ?? "").split("::")
  const groups = front === "" ? [] : front.split(":")
  if (back !== undefined) {
    const rest = back === "" ? [] : back.split(":")
    while (groups.length + rest.length < 8) groups.push("0")
    groups.push(...rest)
  }
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
    .join(":")
}

/** An IPv4 address that a socket for both families shows as IPv6 is the IPv4 address. */
export const plainAddress = (address: string | undefined): string =>
  address === undefined
    ? ""
    : /^::ffff:/i.test(address) && isIP(address.slice(7)) === 4
      ? address.slice(7)
      : address

/** `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`: proxies write all of them. */
const addressIn = (hop: string | undefined): string | undefined => {
  const text = (hop ?? "").trim()
  const bare =
    /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ??
    (/^[\d.]+:\d+$/.test(text) ? text.slice(0, text.indexOf(":")) : text)
  return isIP(bare) === 0 ? undefined : plainAddress(bare)
}
