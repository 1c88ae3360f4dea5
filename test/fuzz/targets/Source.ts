import type { Socket } from "node:net"
import { isIP } from "node:net"
import { idsIn } from "../../../src/http/console/Cookie.ts"
import { limitKeyOf, makeSourceOf } from "../../../src/http/SourceAddress.ts"
import { check, own, type Target } from "../Target.ts"

const sourceOf = makeSourceOf(["10.0.0.0/8", "::1", "2001:db8::/32"])
const untrusting = makeSourceOf([])

/** Who a request comes from, by `X-Forwarded-For`; first line: the peer's address. */
export const target: Target = {
  name: "source",
  form: "text",
  longest: 16_384,
  words: [
    ",",
    " ",
    "10.0.0.1",
    "::1",
    "[",
    "]:1",
    "2001:db8::",
    "::ffff:",
    "192.0.2.1",
    ":4711",
    "%eth0",
    "unknown",
    "\n",
    "0",
    "ens_console="
  ],
  seeds: () =>
    own(
      "10.0.0.1\n192.0.2.1",
      "::ffff:10.1.2.3\n198.51.100.7, 10.0.0.2",
      "::1\n[2001:db9::1]:4711, 2001:db8::7, 10.9.9.9:80",
      "192.0.2.9\n203.0.113.1",
      "fe80::1%eth0\nunknown, _hidden",
      `10.0.0.1\nens_console=${"a".repeat(43)}; ens_console=x`
    ),
  run: (input) => {
    const [peer = "", ...rest] = input.toString("latin1").split("\n")
    const socket = { remoteAddress: isIP(peer) === 0 ? undefined : peer } as Socket
    const headers = { "x-forwarded-for": rest.join("") }
    const source = sourceOf({ socket, headers })
    check(source === "" || isIP(source) !== 0, "a source is an address")
    check(
      untrusting({ socket, headers: {} }) === untrusting({ socket, headers }),
      "untrusted headers count for nothing"
    )
    const key = limitKeyOf(source)
    check(key.length <= 39, "what limits go by is short")
    check(source.includes(":") || key === source, "an IPv4 address stands for itself")
    check(limitKeyOf(source.toUpperCase()) === key, "case does not matter")
    for (const id of idsIn(rest.join(""))) check(id.length === 43, "a session's id has 43 characters")
  }
}
