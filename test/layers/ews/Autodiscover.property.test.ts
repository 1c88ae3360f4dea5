import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, FastCheck as fc } from "effect"
import { Autodiscover } from "../../../layers/ews/Autodiscover.ts"
import { reachOf } from "../../../layers/net/AddressReach.ts"
import { EwsBusy, EwsTimeout } from "../../../schemas/EwsError.ts"
import {
  poxError,
  poxEws,
  poxRedirectAddress,
  poxRedirectUrl,
  soap,
  soapEws
} from "../../support/AutodiscoverText.ts"
import { callerOf, makeWorld, tenantWith } from "../../support/AutodiscoverWorld.ts"
import { answer, refuses, says, unreachable } from "../../support/FakeHttpSessions.ts"

/** Hosts of all kinds; the first ones are the address's own. */
const HOSTS = [
  "contoso.com",
  "autodiscover.contoso.com",
  "sub.contoso.com",
  "autodiscover-s.outlook.com",
  "evil.net",
  "autodiscover.evil.net",
  "contoso.com.evil.net",
  "evil.net:8443",
  "127.0.0.1",
  "[::1]",
  "[::ffff:10.0.0.1]",
  "169.254.169.254",
  "2130706433",
  "0x7f.1",
  "localhost",
  "localhost.",
  "intranet",
  "printer.local"
] as const

const host = fc.constantFrom(...HOSTS)
const address = fc.constantFrom(
  "ada@contoso.com",
  "ada@evil.net",
  "bob@evil.net",
  "x@127.0.0.1",
  "x@localhost",
  "@"
)
const scheme = fc.constantFrom("https", "https", "https", "http")
const path = fc.constantFrom(
  "/autodiscover/autodiscover.xml",
  "/autodiscover/autodiscover.svc",
  "/autodiscover/a/autodiscover.xml",
  "/autodiscover/autodiscover.json/v1.0/x",
  "/"
)
const url = fc.tuple(scheme, host, path).map(([s, h, p]) => `${s}://${h}${p}`)

/** What a host does; the same for all its paths would hide much, so each path has its own. */
const behaviour = fc.oneof(
  { weight: 4, arbitrary: url.map((to) => ({ kind: "redirect", to }) as const) },
  { weight: 3, arbitrary: url.map((to) => ({ kind: "poxUrl", to }) as const) },
  { weight: 3, arbitrary: url.map((to) => ({ kind: "soapUrl", to }) as const) },
  { weight: 2, arbitrary: address.map((to) => ({ kind: "poxAddress", to }) as const) },
  { weight: 2, arbitrary: address.map((to) => ({ kind: "soapAddress", to }) as const) },
  { weight: 1, arbitrary: url.map((to) => ({ kind: "found", to }) as const) },
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      ...(["missing", "refuses", "unreachable", "busy", "late", "error", "page", "garbage"] as const).map(
        (kind) => ({ kind, to: "" }) as const
      )
    )
  }
)

const script = fc.record({
  behaviours: fc.array(behaviour, { minLength: 8, maxLength: 24 }),
  /** Whether a path asks for a log-in before it does anything. */
  guarded: fc.array(fc.boolean(), { minLength: 5, maxLength: 11 }),
  plain: fc.option(url, { nil: undefined }),
  srv: fc.array(
    fc.record({ name: host, port: fc.constantFrom(443, 443, 8443), priority: fc.nat(2), weight: fc.nat(2) }),
    {
      maxLength: 4
    }
  ),
  garbage: fc.string({ maxLength: 60 })
})
type Script = typeof script extends fc.Arbitrary<infer A> ? A : never

const hostnameOf = (text: string) => URL.parse(text)?.hostname ?? ""
const inDomain = (name: string, domain: string) => name === domain || name.endsWith(`.${domain}`)
const pick = <A>(all: ReadonlyArray<A>, key: string): A => {
  let hash = 7
  for (const character of key) hash = (hash * 31 + character.charCodeAt(0)) % 1_000_003
  return all[hash % all.length]!
}

/** Runs one search in a scripted world, and holds every request against what had been learnt by then, and from whom. */
const run = (play: Script) => {
  const world = makeWorld()
  /** Hosts that credentials may go to: the model, kept apart from the code under test. */
  const trusted = new Set(["contoso.com", "autodiscover.contoso.com"])
  const domains = new Set(["contoso.com"])
  const asksForLogIn = new Set<string>()
  const seen = new Set<string>()
  let rejections = 0
  const trustOpenly = (name: string) => {
    if (
      [...domains].some((domain) => inDomain(name, domain)) ||
      /(^|\.)(outlook|office365)\.com$/.test(name)
    ) {
      trusted.add(name)
    }
  }
  const trustAddress = (text: string) => {
    const domain = text.split("@").at(-1) ?? ""
    domains.add(domain)
    trusted.add(domain).add(`autodiscover.${domain}`)
  }
  if (play.plain !== undefined)
    world.plain.set("http://autodiscover.contoso.com/autodiscover/autodiscover.xml", play.plain)
  world.srv.set("_autodiscover._tcp.contoso.com", play.srv)
  if (play.plain !== undefined) trustOpenly(hostnameOf(play.plain))
  for (const { name } of play.srv) trustOpenly(hostnameOf(`https://${name}/`))

  world.http.otherwise((request) => {
    const { hostname, port, protocol } = new URL(request.url)
    const bare = hostname.replace(/^\[|\]$/g, "")
    expect([protocol, port], "an unlisted host is asked by https on 443").toEqual(["https:", ""])
    if (/^[\d.]+$|:/.test(bare)) expect(reachOf(bare)).toBe("public")
    expect([...trusted], "asked a host that nobody trustworthy had named").toContain(hostname)
    const identity = `${request.withCredentials} ${request.url} ${request.body}`
    expect(seen.has(identity), "asked the same twice").toBe(false)
    seen.add(identity)
    if (request.withCredentials) {
      expect(asksForLogIn.has(request.url), "sent credentials that nobody had asked for").toBe(true)
      expect(rejections, "sent credentials after the second rejection").toBeLessThan(2)
    } else if (pick(play.guarded, request.url)) {
      asksForLogIn.add(request.url)
      return refuses(request)
    }
    const { kind, to } = pick(play.behaviours, request.url + request.body)
    const isSoap = request.url.endsWith(".svc")
    const isPox = request.url.endsWith(".xml")
    switch (kind) {
      case "redirect":
        trusted.add(hostnameOf(to))
        return says(302, "", { location: to })(request)
      case "poxUrl":
        if (isPox) trusted.add(hostnameOf(to))
        return says(200, poxRedirectUrl(to))(request)
      case "soapUrl":
        if (isSoap) trusted.add(hostnameOf(to))
        return says(200, soap({ code: "RedirectUrl", target: to }))(request)
      case "poxAddress":
        if (isPox) trustAddress(to)
        return says(200, poxRedirectAddress(to))(request)
      case "soapAddress":
        if (isSoap) trustAddress(to)
        return says(200, soap({ code: "RedirectAddress", target: to }))(request)
      case "found":
        return says(200, isSoap ? soapEws(to) : isPox ? poxEws(to) : JSON.stringify({ Url: to }))(request)
      case "missing":
        return says(404)(request)
      case "refuses":
        if (request.withCredentials) rejections += 1
        else asksForLogIn.add(request.url)
        return refuses(request)
      case "unreachable":
        return unreachable(request)
      case "busy":
        return new EwsBusy({ operation: "", host: "", responseCode: "", retryAfter: 0 })
      case "late":
        return new EwsTimeout({ operation: "", host: "", milliseconds: 1 })
      case "error":
        return says(200, isSoap ? soap({ code: "InvalidUser" }) : poxError(600))(request)
      case "page":
        return says(200, "<html></html>")(request)
      case "garbage":
        return Effect.succeed(answer(200, play.garbage))
    }
  })

  return Effect.flatMap(Autodiscover, (autodiscover) =>
    autodiscover.find(tenantWith(), callerOf(), 10_000)
  ).pipe(
    Effect.exit,
    Effect.map((exit) => ({ exit, rejections, world })),
    Effect.provide(world.layer)
  )
}

describe("Autodiscover, whatever the world answers", () => {
  it("ends, sends credentials only to trusted hosts that asked for them, twice in vain at most, and never asks twice", async () => {
    const outcomes = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(script, async (play) => {
        const { exit, rejections, world } = await Effect.runPromise(run(play))
        if (Exit.isFailure(exit)) {
          expect(exit.cause._tag, String(exit.cause)).toBe("Fail")
          const error = exit.cause._tag === "Fail" ? exit.cause.error : undefined
          expect(["EwsUrlUnknown", "EwsUnauthorized"]).toContain(error?._tag)
          if (error?._tag === "EwsUnauthorized") expect(rejections).toBe(2)
          outcomes.set(error?._tag ?? "", (outcomes.get(error?._tag ?? "") ?? 0) + 1)
        } else {
          expect(exit.value.endpoint.listed).toBe(false)
          expect(new URL(exit.value.endpoint.url).protocol).toBe("https:")
          outcomes.set("found", (outcomes.get("found") ?? 0) + 1)
        }
        expect(world.http.open()).toBe(0)
        // Each of 10 redirects opens at most 4 candidates, each candidate at most 4 requests and one of v2.
        expect(world.http.requests.length).toBeLessThan(5 * (4 + 4 * 10))
        const log = JSON.stringify(world.log)
        for (const secret of ["ada@", "ada%40", "bob@", "s3cret-word"]) expect(log).not.toContain(secret)
      }),
      { numRuns: 400 }
    )
    // The scripts must lead somewhere, else nothing was shown.
    expect(
      Math.min(...["found", "EwsUrlUnknown", "EwsUnauthorized"].map((key) => outcomes.get(key) ?? 0))
    ).toBeGreaterThan(2)
  })
})
