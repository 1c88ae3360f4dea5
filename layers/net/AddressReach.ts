import { BlockList, isIPv4, isIPv6 } from "node:net"

/** `never`: link-local, cloud metadata, multicast and unspecified addresses, which nobody has a reason to talk to. */
export type Reach = "public" | "private" | "loopback" | "never"

/** How far an IP address reaches; an IPv4 one inside of an IPv6 one counts as itself, what is no address as `never`. */
export const reachOf = (address: string): Reach => {
  const [plain = ""] = address.split("%")
  if (isIPv4(plain)) return reachIn(plain, "ipv4")
  if (!isIPv6(plain)) return "never"
  const groups = groupsOf(plain)
  const inner = embedded(groups)
  if (inner !== undefined) return reachIn(inner, "ipv4")
  const reach = reachIn(plain, "ipv6")
  // Of IPv6 only 2000::/3 has been handed out for public use.
  return reach === "public" && groups[0]! >> 13 !== 1 ? "private" : reach
}

const subnets = (...ranges: ReadonlyArray<readonly [string, number]>): BlockList => {
  const list = new BlockList()
  for (const [network, prefix] of ranges) {
    list.addSubnet(network, prefix, isIPv4(network) ? "ipv4" : "ipv6")
  }
  return list
}

const NEVER = subnets(
  ["0.0.0.0", 8],
  ["169.254.0.0", 16],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  // Metadata services of clouds, as far as they lie outside of the link-local range.
  ["100.100.100.200", 32],
  ["168.63.129.16", 32],
  ["192.0.0.192", 32],
  ["fd00:ec2::254", 128],
  ["fd20:ce::254", 128],
  ["::", 128],
  ["fe80::", 10],
  ["ff00::", 8]
)
const LOOPBACK = subnets(["127.0.0.0", 8], ["::1", 128])
/** IANA's special-purpose registries. */
const PRIVATE = subnets(
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["3fff::", 20]
)

const reachIn = (address: string, family: "ipv4" | "ipv6") => {
  if (NEVER.check(address, family)) return "never"
  if (LOOPBACK.check(address, family)) return "loopback"
  return PRIVATE.check(address, family) ? "private" : "public"
}

const groupsOf = (address: string): ReadonlyArray<number> => {
  // The URL parser writes every form, dotted tails included, as groups of hexadecimal digits.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::")
  const parse = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16))
  const front = parse(head)
  const back = parse(tail ?? "")
  return [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back]
}

/** The IPv4 address in a mapped, compatible, NAT64 (64:ff9b::/96) or 6to4 (2002::/16) address. */
const embedded = (groups: ReadonlyArray<number>): string | undefined => {
  const dotted = (high: number, low: number) => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
  if (groups[0] === 0x2002) return dotted(groups[1]!, groups[2]!)
  const start = groups.slice(0, 6).join(":")
  const known = start === "0:0:0:0:0:65535" || start === `${0x64}:${0xff9b}:0:0:0:0`
  const compatible = start === "0:0:0:0:0:0" && groups[6] !== 0
  return known || compatible ? dotted(groups[6]!, groups[7]!) : undefined
}
