import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import {
  type Channel,
  candidatesFor,
  domainOf,
  endpointOf,
  identityOf,
  redirectCandidate,
  srvCandidate
} from "../../../layers/ews/AutodiscoverCandidates.ts"
import { endpointRules } from "../../../layers/ews/EndpointRules.ts"
import { reachOf } from "../../../layers/net/AddressReach.ts"
import { tenantWith } from "../../support/AutodiscoverWorld.ts"

const ADDRESS = "ada@contoso.com"

describe("candidates for an address", () => {
  it("are the operator's, the domain, its subdomain, plain HTTP and DNS, in this order", () => {
    const service = (base: string) => ({ _tag: "Service", base, address: ADDRESS, channel: "secure" })
    expect(candidatesFor(ADDRESS, ["https://ad.example.net", "mailto:x"])).toEqual([
      service("https://ad.example.net/autodiscover/autodiscover"),
      service("https://contoso.com/autodiscover/autodiscover"),
      service("https://autodiscover.contoso.com/autodiscover/autodiscover"),
      {
        _tag: "PlainHttp",
        url: "http://autodiscover.contoso.com/autodiscover/autodiscover.xml",
        address: ADDRESS
      },
      { _tag: "Srv", name: "_autodiscover._tcp.contoso.com", address: ADDRESS }
    ])
  })

  it.each([
    ["ada@Contoso.COM", "contoso.com"],
    ['"a@b"@contoso.com', "contoso.com"],
    ["ada@mail.contoso.co.uk", "mail.contoso.co.uk"],
    ["ada@bücher.example", "xn--bcher-kva.example"],
    ["ada@contoso.com ", "contoso.com"],
    ["ada", undefined],
    ["@contoso.com", undefined],
    ["ada@", undefined],
    ["ada@localhost", undefined],
    ["ada@contoso.com.", undefined],
    ["ada@127.0.0.1", undefined],
    ["ada@2130706433", undefined],
    ["ada@0x7f.1", undefined],
    ["ada@1.2", undefined],
    ["ada@[127.0.0.1]", undefined],
    ["ada@[IPv6:::1]", undefined],
    ["ada@contoso.com:8443", undefined],
    ["ada@contoso.com/x", undefined],
    ["ada@contoso.com\\x", undefined],
    ["ada@contoso.com?x", undefined],
    ["ada@contoso.com#x", undefined],
    ["ada@con%74oso.com", undefined],
    ["ada@con toso.com", undefined],
    ["ada@-contoso.com", undefined],
    [`ada@${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(60)}`, undefined]
  ])("the domain of %s is %s", (address, domain) => {
    expect(domainOf(address)).toBe(domain)
  })
})

describe("a redirect", () => {
  it.each([
    ["https://x.net/autodiscover/autodiscover.xml", "https://x.net/autodiscover/autodiscover"],
    ["https://X.net/AutoDiscover/a/B/AutoDiscover.SVC?x=y#z", "https://x.net/AutoDiscover/a/B/AutoDiscover"],
    [
      "http://127.0.0.1:8090/autodiscover/autodiscover.xml",
      "http://127.0.0.1:8090/autodiscover/autodiscover"
    ],
    [
      "https://x.net/autodiscover/../autodiscover/autodiscover.xml",
      "https://x.net/autodiscover/autodiscover"
    ],
    ["https://x.net/autodiscover//autodiscover.xml", undefined],
    ["https://x.net/autodiscover/autodiscover.xml/", undefined],
    ["https://x.net/x/autodiscover/autodiscover.xml", undefined],
    ["https://x.net/autodiscover/autodiscover.xml.php", undefined],
    ["https://x.net/autodiscover.xml", undefined],
    ["https://x.net/?/autodiscover/autodiscover.xml", undefined],
    ["https://u:p@x.net/autodiscover/autodiscover.xml", undefined],
    ["ftp://x.net/autodiscover/autodiscover.xml", undefined],
    ["//x.net/autodiscover/autodiscover.xml", undefined],
    ["", undefined]
  ])("to %s leads to %s", (url, base) => {
    for (const channel of ["secure", "open"] as const) {
      expect(redirectCandidate(url, ADDRESS, channel)).toEqual(
        base === undefined ? undefined : { _tag: "Service", base, address: ADDRESS, channel }
      )
    }
  })

  it("leads to v2 only by a secure channel", () => {
    const url =
      "https://x.net/autodiscover/autodiscover.json/v1.0/ada%40contoso.com?Protocol=EWS&RedirectCount=1"
    expect(redirectCandidate(url, ADDRESS, "secure")).toMatchObject({ _tag: "Json", url })
    expect(redirectCandidate(url, ADDRESS, "open")).toBe(undefined)
  })

  it("to the same place in other words is the same", () => {
    const one = redirectCandidate("https://x.net/autodiscover/autodiscover.xml", ADDRESS, "secure")!
    const same = redirectCandidate(
      "https://X.NET:443/Autodiscover/Autodiscover.svc?x",
      "ADA@contoso.com",
      "open"
    )!
    const other = redirectCandidate("https://x.net/autodiscover/autodiscover.xml", "bob@contoso.com", "open")!
    expect(identityOf(same)).toBe(identityOf(one))
    expect(identityOf(other)).not.toBe(identityOf(one))
  })
})

describe("a DNS record", () => {
  it("stands for the service on its host and port, and for nothing else, whatever its text", () => {
    expect(srvCandidate("x.contoso.com", 443, ADDRESS)?.base).toBe(
      "https://x.contoso.com/autodiscover/autodiscover"
    )
    expect(srvCandidate("x.contoso.com", 8443, ADDRESS)?.base).toBe(
      "https://x.contoso.com:8443/autodiscover/autodiscover"
    )
    expect(srvCandidate("evil.net/@contoso.com", 443, ADDRESS)?.base ?? "").not.toContain("contoso")
    expect(srvCandidate("a b", 443, ADDRESS)).toBe(undefined)
  })
})

describe("whether a candidate may be asked", () => {
  const rules = (ewsUrls: ReadonlyArray<string>, ewsAllowedHosts: ReadonlyArray<string>) =>
    endpointRules({ ewsAllowedHosts, segHosts: [] })(tenantWith({ ewsUrls }))
  const may = (url: string, channel: Channel, lists = rules([], [])) =>
    endpointOf(lists, url, channel, ADDRESS) !== undefined

  it("with nothing listed: anything public by a secure channel, the own domain or Microsoft's by an open one", () => {
    const hosts = {
      "https://contoso.com/": [true, true],
      "https://a.b.contoso.com/": [true, true],
      "https://autodiscover-s.outlook.com/": [true, true],
      "https://x.office365.com/": [true, true],
      "https://fabrikam.com/": [true, false],
      "https://xcontoso.com/": [true, false],
      "https://contoso.com.fabrikam.com/": [true, false],
      "https://outlook.com.fabrikam.com/": [true, false],
      "https://93.184.215.14/": [true, false],
      "https://contoso.com:444/": [false, false],
      "http://contoso.com/": [false, false],
      "https://127.0.0.1/": [false, false],
      "https://[::1]/": [false, false],
      "https://10.0.0.1/": [false, false],
      "https://169.254.169.254/": [false, false],
      "https://localhost/": [false, false]
    }
    for (const [url, [secure, open]] of Object.entries(hosts)) {
      expect([may(url, "secure"), may(url, "open")], url).toEqual([secure, open])
    }
  })

  it.each([
    ["the tenant's URLs", rules(["https://mail.fabrikam.com/EWS/Exchange.asmx"], [])],
    ["the allowed hosts", rules([], ["mail.fabrikam.com"])]
  ])("with a list (%s): listed hosts on any port, by any channel, and no others", (_, lists) => {
    for (const channel of ["secure", "open"] as const) {
      expect(may("https://mail.fabrikam.com/", channel, lists)).toBe(true)
      expect(may("https://mail.fabrikam.com:8443/", channel, lists)).toBe(true)
      expect(may("http://mail.fabrikam.com/", channel, lists)).toBe(false)
      expect(may("https://contoso.com/", channel, lists)).toBe(false)
      expect(may("https://autodiscover-s.outlook.com/", channel, lists)).toBe(false)
    }
  })

  it("never lets an unlisted address that is not public, another port or plain HTTP through", () => {
    const host = fc.oneof(
      fc.ipV4(),
      fc.ipV6().map((ip) => `[${ip}]`),
      fc.domain(),
      fc.constant("localhost")
    )
    const url = fc
      .tuple(fc.constantFrom("http", "https"), host, fc.option(fc.integer({ min: 1, max: 65_535 })))
      .map(([scheme, name, port]) => `${scheme}://${name}${port === null ? "" : `:${port}`}/autodiscover/x`)
    fc.assert(
      fc.property(url, fc.constantFrom<Channel>("secure", "open"), (url, channel) => {
        const endpoint = endpointOf(rules([], []), url, channel, ADDRESS)
        if (endpoint === undefined) return
        const { hostname, port, protocol } = new URL(endpoint.url)
        expect([endpoint.listed, endpoint.seg, protocol, port]).toEqual([false, false, "https:", ""])
        const address = hostname.replace(/^\[|\]$/g, "")
        if (/^[\d.]+$|:/.test(address)) expect(reachOf(address)).toBe("public")
      })
    )
  })
})
