import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { makeHostCheck } from "../../../../src/http/console/HostCheck.ts"

const isOurs = makeHostCheck({ adminHost: "0.0.0.0", publicUrl: "https://Mail.Example.com:8443/ens" })

describe("The check of a request's host", () => {
  it("lets addresses and names of its own pass, with any port", () => {
    const own = [
      "mail.example.com",
      "mail.example.com.",
      "MAIL.example.com:8081",
      "localhost",
      "192.0.2.7:80",
      "[fe80::1]:9"
    ]
    for (const host of own) expect([host, isOurs(host)]).toEqual([host, true])
  })

  it("lets no other name pass, however it looks", () => {
    const strange = [
      undefined,
      "example.com",
      "mail.example.com.evil.org",
      "evil.org#mail.example.com",
      "user@mail.example.com",
      "192.0.2.7.evil.org",
      "0x7f000001",
      "2130706433",
      "mail.example.com:http",
      "[::1"
    ]
    for (const host of strange) expect([host, isOurs(host)]).toEqual([host, false])
    fc.assert(
      fc.property(fc.domain(), fc.integer({ min: 1, max: 65_535 }), (name, port) => {
        fc.pre(name.toLowerCase() !== "mail.example.com")
        expect(isOurs(`${name}:${port}`)).toBe(false)
      })
    )
  })
})
