import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { reachOf } from "../../../layers/net/AddressReach.ts"

describe("AddressReach", () => {
  it.each([
    [
      "public",
      ["8.8.8.8", "52.96.0.1", "223.255.255.255", "2603:1026::1", "2a00:1450::8a", "2002:808:808::1"]
    ],
    [
      "private",
      [
        "10.0.0.1",
        "100.64.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.9",
        "fc00::1",
        "fd12:3456::1",
        "fec0::1",
        "2001:db8::1",
        "2001::1",
        "4000::1",
        "100::1",
        "::ffff:10.0.0.1",
        "64:ff9b::192.168.0.1",
        "2002:a00:1::"
      ]
    ],
    ["loopback", ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1"]],
    [
      "never",
      [
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "febf::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "0:0:0:0:0:ffff:a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "::ffff:0.0.0.0",
        "exchange.test",
        "",
        "1.2.3"
      ]
    ]
  ] as const)("knows the reach of %s addresses", (reach, addresses) => {
    expect(addresses.map((address) => [address, reachOf(address)])).toEqual(
      addresses.map((address) => [address, reach])
    )
  })

  it("judges an IPv4 address the same in every form that it can take inside of an IPv6 one", () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), (number) => {
        const bytes = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255)
        const dotted = bytes.join(".")
        const hex = `${((bytes[0]! << 8) | bytes[1]!).toString(16)}:${((bytes[2]! << 8) | bytes[3]!).toString(16)}`
        const forms = [`::ffff:${dotted}`, `::FFFF:${hex}`, `64:ff9b::${hex}`, `2002:${hex}::1`]
        expect(forms.map(reachOf)).toEqual(forms.map(() => reachOf(dotted)))
      })
    )
  })
})
