import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { EndpointPolicy } from "../../../layers/ews/EndpointPolicy.ts"
import { layer } from "../../../layers/ews/EndpointPolicyLive.ts"
import type { Tenant } from "../../../layers/storage/Storage.ts"
import type { TenantNumber } from "../../../schemas/Ids.ts"
import { Settings, type SettingsShape } from "../../../schemas/Settings.ts"

const LISTED = "https://mail.example.com/EWS/Exchange.asmx"

/** The URL that is chosen, or the tag of the refusal. */
const choose = (
  ewsUrls: ReadonlyArray<string>,
  ewsAllowedHosts: ReadonlyArray<string>,
  requested: string | undefined
) => {
  const tenant: Tenant = { tenant: 1 as TenantNumber, name: "default", ewsUrls, ewsPins: [], seg: false }
  const settings = Layer.succeed(Settings, { ewsAllowedHosts, segHosts: [] } as unknown as SettingsShape)
  return Effect.runSync(
    Effect.flatMap(EndpointPolicy, (policy) => policy.choose(tenant, requested)).pipe(
      Effect.match({
        onSuccess: (choice) =>
          choice._tag === "Autodiscover"
            ? `Autodiscover ${choice.wanted ?? ""}`
            : choice.endpoint.listed
              ? choice.endpoint.url
              : "unlisted",
        onFailure: (error) => error._tag
      }),
      Effect.provide(Layer.provide(layer, settings))
    )
  )
}

describe("EndpointPolicy", () => {
  it("chooses the tenant's first URL when none is named", () => {
    expect(choose([LISTED, "https://other.example.com/"], [], undefined)).toBe(LISTED)
    expect(choose(["not a url", LISTED], [], undefined)).toBe(LISTED)
    expect(choose([], ["mail.example.com"], undefined)).toBe("Autodiscover ")
    expect(choose([], [], undefined)).toBe("Autodiscover ")
  })

  it.each([
    [LISTED, LISTED],
    ["HTTPS://MAIL.Example.COM:443/ews/exchange.ASMX", LISTED],
    ["https://mail.example.com/other/path", "https://mail.example.com/other/path"],
    [`${LISTED}#fragment`, LISTED],
    // A listed host may be used on any port; the administrator's spelling of the path stays right.
    ["https://mail.example.com:444/EWS/Exchange.asmx", "https://mail.example.com:444/EWS/Exchange.asmx"],
    ["https://mail.example.com:8443/ews/exchange.ASMX", "https://mail.example.com:8443/EWS/Exchange.asmx"],
    // A backslash is read as a slash, and what is chosen is written out as it was read.
    ["https://mail.example.com\\@evil.test:8443/", "https://mail.example.com/@evil.test:8443/"],
    [` ${LISTED} `, LISTED]
  ])("takes %s for a listed URL", (requested, chosen) => {
    expect(choose(["https://first.example.com/", LISTED], [], requested)).toBe(chosen)
  })

  it.each([
    "http://mail.example.com/EWS/Exchange.asmx",
    "http://mail.example.com:443/EWS/Exchange.asmx",
    "https://mail.example.com.evil.test/EWS/Exchange.asmx",
    "https://evil.test/EWS/Exchange.asmx",
    "https://mail.example.com@evil.test/",
    "https://user:password@mail.example.com/EWS/Exchange.asmx",
    "https://mail.example.com./EWS/Exchange.asmx",
    "ftp://mail.example.com/",
    "javascript:alert(1)",
    "mail.example.com",
    ""
  ])("does not take %s for a listed URL", (requested) => {
    expect(choose([LISTED], [], requested)).toBe("EwsUrlNotAllowed")
    expect(choose([], ["another.example.com"], requested)).toBe("EwsUrlNotAllowed")
  })

  it("takes a host that is listed with a port on any other port, but not with another scheme", () => {
    const listed = [
      "https://mail.example.com:8443/EWS/Exchange.asmx",
      "http://127.0.0.1:8090/EWS/Exchange.asmx"
    ]
    expect(choose(listed, [], LISTED)).toBe(LISTED)
    expect(choose(listed, [], "http://127.0.0.1:9999/x")).toBe("http://127.0.0.1:9999/x")
    expect(choose(listed, [], "https://127.0.0.1:8090/x")).toBe("EwsUrlNotAllowed")
    expect(choose(listed, [], "http://mail.example.com:8443/x")).toBe("EwsUrlNotAllowed")
    expect(choose(["https://127.0.0.1:8090/x"], [], "http://127.0.0.1:8090/x")).toBe("EwsUrlNotAllowed")
  })

  it("never lets a path change the host", () => {
    const listed = ["https://mail.example.com//evil.test/x"]
    expect(choose(listed, [], "https://mail.example.com:444//EVIL.test/x")).toBe(
      "https://mail.example.com:444//evil.test/x"
    )
  })

  it("compares addresses, however they are written", () => {
    const listed = ["http://127.0.0.1:8080/EWS/Exchange.asmx"]
    for (const host of ["127.1", "0x7f000001", "0177.0.0.1", "2130706433"]) {
      expect(choose(listed, [], `http://${host}:8080/ews/exchange.asmx`)).toBe(listed[0])
    }
  })

  it.each([
    ["mail.example.com", "https://MAIL.example.com:8443/x", true],
    ["Mail.Example.com ", "https://mail.example.com/", true],
    ["mail.example.com", "http://mail.example.com/", false],
    ["mail.example.com", "https://sub.mail.example.com/", false],
    ["10.0.0.0/8", "https://10.20.30.40/", true],
    ["10.0.0.0/8", "https://0x0a.1/", true],
    ["10.0.0.0/8", "https://11.0.0.1/", false],
    ["10.0.0.0/8", "http://10.0.0.1/", false],
    ["10.0.0.0/8", "https://ten.example.com/", false],
    ["192.0.2.7", "https://192.0.2.7/", true],
    ["192.0.2.7", "https://192.0.2.8/", false],
    ["fd00::/8", "https://[fd00:1::1]/", true],
    ["[fd00::1]", "https://[FD00:0::1]/", true],
    ["fd00::/8", "https://[fe00::1]/", false],
    ["localhost", "http://localhost:8081/", true],
    ["127.0.0.0/8", "http://127.0.0.2:8081/", true],
    ["::1", "http://[::1]:8081/", true],
    ["10.0.0.0/33", "https://10.0.0.1/", false],
    ["10.0.0.0/x", "https://10.0.0.1/", false],
    ["", "https://mail.example.com/", false]
  ])("with %s allowed, %s is allowed: %s", (entry, requested, allowed) => {
    expect(choose([], [entry], requested) !== "EwsUrlNotAllowed").toBe(allowed)
    expect(choose([LISTED], [entry], requested) !== "EwsUrlNotAllowed").toBe(
      allowed || requested.startsWith("https://mail.example.com/")
    )
  })

  it.each([
    ["https://mail.example.com/EWS/Exchange.asmx", true],
    ["https://mail.example.com:443/EWS/Exchange.asmx", true],
    ["https://93.184.215.14/EWS/Exchange.asmx", true],
    ["https://[2606:2800:21f::1]/EWS/Exchange.asmx", true],
    ["http://mail.example.com/EWS/Exchange.asmx", false],
    ["http://mail.example.com:443/", false],
    ["https://mail.example.com:8443/", false],
    ["https://127.0.0.1/", false],
    ["https://2130706433/", false],
    ["https://0x7f.1/", false],
    ["https://0177.0.0.1/", false],
    ["https://127.0.0.1./", false],
    ["https://10.0.0.1/", false],
    ["https://192.168.1.1/", false],
    ["https://100.64.0.1/", false],
    ["https://169.254.169.254/latest/meta-data/", false],
    ["https://[::1]/", false],
    ["https://[::ffff:10.0.0.1]/", false],
    ["https://[::ffff:a9fe:a9fe]/", false],
    ["https://[64:ff9b::7f00:1]/", false],
    ["https://[fd00::1]/", false],
    ["https://[fe80::1]/", false],
    ["https://0.0.0.0/", false],
    ["https://localhost/", false],
    ["https://localhost./", false],
    ["https://mail.localhost/", false],
    ["https://exchange/", false],
    ["https://printer.local/", false],
    ["https://metadata.google.internal/", false]
  ])("where nothing is listed, lets Autodiscover be asked about %s: %s", (requested, asked) => {
    expect(choose([], [], requested)).toBe(
      asked ? `Autodiscover ${new URL(requested).href}` : "EwsUrlNotAllowed"
    )
  })

  it.each([
    ["169.254.0.0/16", "https://169.254.169.254/EWS/Exchange.asmx"],
    ["fe80::/10", "https://[fe80::1]/EWS/Exchange.asmx"],
    ["0.0.0.0/0", "https://224.0.0.1/EWS/Exchange.asmx"],
    ["0.0.0.0/0", "https://0.0.0.0/EWS/Exchange.asmx"],
    ["fd00::/8", "https://[fd00:ec2::254]/EWS/Exchange.asmx"]
  ])("even with %s listed, never allows %s", (entry, requested) => {
    expect(choose([], [entry], requested)).toBe("EwsUrlNotAllowed")
    expect(choose([requested], [], requested)).toBe("EwsUrlNotAllowed")
  })

  it("never falls back to any public host because a list cannot be read", () => {
    expect(choose(["mail.example.com"], [], LISTED)).toBe("EwsUrlNotAllowed")
    expect(choose([], ["10.0.0.0/99"], LISTED)).toBe("EwsUrlNotAllowed")
  })

  it("remembers an unlisted URL as such, but not once something is listed", () => {
    const recalled = (ewsUrls: ReadonlyArray<string>, url: string) => {
      const tenant: Tenant = {
        tenant: 1 as TenantNumber,
        name: "default",
        ewsUrls,
        ewsPins: ["ab".repeat(32)],
        seg: false
      }
      const settings = Layer.succeed(Settings, {
        ewsAllowedHosts: [],
        segHosts: ["seg.example.com"]
      } as unknown as SettingsShape)
      return Effect.runSync(
        Effect.flatMap(EndpointPolicy, (policy) => policy.recall(tenant, url)).pipe(
          Effect.merge,
          Effect.provide(Layer.provide(layer, settings))
        )
      )
    }
    expect(recalled([], LISTED)).toEqual({ url: LISTED, listed: false, pins: ["ab".repeat(32)], seg: false })
    expect(recalled([LISTED], LISTED)).toMatchObject({ url: LISTED, listed: true })
    expect(recalled([], "https://seg.example.com/EWS/Exchange.asmx")).toMatchObject({ seg: true })
    for (const url of [
      "http://mail.example.com/",
      "https://10.0.0.1/",
      "https://mail.example.com:8443/",
      ""
    ]) {
      expect(recalled([], url), url).toMatchObject({ _tag: "EwsUrlNotAllowed" })
    }
    expect(recalled(["https://other.example.com/"], LISTED)).toMatchObject({
      _tag: "EwsUrlNotAllowed",
      host: "mail.example.com"
    })
  })

  it("does not repeat what a device named where that may hold a secret", () => {
    const policy = Effect.flatMap(EndpointPolicy, (one) =>
      one.choose(
        { tenant: 1 as TenantNumber, name: "", ewsUrls: [], ewsPins: [], seg: false },
        "https://evil.test:8443/path?token=secret"
      )
    )
    const settings = Layer.succeed(Settings, {
      ewsAllowedHosts: [],
      segHosts: []
    } as unknown as SettingsShape)
    const error = Effect.runSync(Effect.flip(policy).pipe(Effect.provide(Layer.provide(layer, settings))))
    expect(JSON.stringify(error)).toContain("evil.test:8443")
    expect(`${JSON.stringify(error)}${error}`).not.toContain("secret")
  })
})
