import type { IncomingHttpHeaders } from "node:http"
import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { limitKeyOf, makeSourceOf } from "../../../src/http/SourceAddress.ts"

const from = (remoteAddress: string | undefined, forwarded?: string) =>
  ({
    socket: { remoteAddress },
    headers: (forwarded === undefined ? {} : { "x-forwarded-for": forwarded }) as IncomingHttpHeaders
  }) as Parameters<ReturnType<typeof makeSourceOf>>[0]

describe("the source of a request", () => {
  const sourceOf = makeSourceOf(["10.0.0.0/8", "2001:db8::/32"])

  it("is its peer, whatever the headers say, where no proxy is trusted", () => {
    expect(makeSourceOf([])(from("10.0.0.1", "192.0.2.1"))).toBe("10.0.0.1")
    expect(sourceOf(from("198.51.100.7", "192.0.2.1"))).toBe("198.51.100.7")
  })

  it("is what a trusted proxy says", () => {
    expect(sourceOf(from("10.0.0.1", "192.0.2.1"))).toBe("192.0.2.1")
    expect(sourceOf(from("::ffff:10.0.0.1", "192.0.2.1:4711"))).toBe("192.0.2.1")
    expect(sourceOf(from("2001:db8::5", "[2001:470::1]:443"))).toBe("2001:470::1")
    expect(sourceOf(from("10.0.0.1", "::FFFF:192.0.2.1"))).toBe("192.0.2.1")
  })

  it("is the last untrusted hop: what stands before it may be forged", () => {
    expect(sourceOf(from("10.0.0.1", "127.0.0.1, 192.0.2.1, 10.3.0.4"))).toBe("192.0.2.1")
    expect(sourceOf(from("10.0.0.1", "10.0.0.9, 198.51.100.1"))).toBe("198.51.100.1")
  })

  it("is the proxy itself where it says nothing usable", () => {
    for (const rubbish of ["", "unknown", "_hidden", "192.0.2.1, ", "192.0.2.999", "<script>"]) {
      expect(sourceOf(from("10.0.0.1", rubbish))).toBe("10.0.0.1")
    }
    expect(sourceOf(from("10.0.0.1"))).toBe("10.0.0.1")
    expect(sourceOf(from(undefined, "192.0.2.1"))).toBe("")
  })

  it("is never thrown out of", () => {
    fc.assert(
      fc.property(fc.string(), (forwarded) => typeof sourceOf(from("10.0.0.1", forwarded)) === "string")
    )
  })
})

describe("the key of limits", () => {
  it("is an IPv4 address", () => expect(limitKeyOf("192.0.2.1")).toBe("192.0.2.1"))

  it("is the first 64 bits of an IPv6 address, however it is written", () => {
    expect(limitKeyOf("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2")
    expect(limitKeyOf("2001:0DB8:1:2::9")).toBe("2001:db8:1:2")
    expect(limitKeyOf("2001:db8::9")).toBe("2001:db8:0:0")
    expect(limitKeyOf("::1")).toBe("0:0:0:0")
    expect(limitKeyOf("fe80::1%eth0")).toBe("fe80:0:0:0")
  })
})
