import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, TestClock } from "effect"
import { Autodiscover } from "../../../layers/ews/Autodiscover.ts"
import { registrationBudget } from "../../../layers/ews/LogInBudget.ts"
import { EwsBusy, EwsRefused } from "../../../schemas/EwsError.ts"
import type { TenantNumber } from "../../../schemas/Ids.ts"
import {
  poxError,
  poxEws,
  poxRedirectAddress,
  poxRedirectUrl,
  poxSettings,
  soap,
  soapEws
} from "../../support/AutodiscoverText.ts"
import { type AutodiscoverWorld, callerOf, makeWorld, tenantWith } from "../../support/AutodiscoverWorld.ts"
import { behindLogIn, type Reaction, refuses, says, unreachable } from "../../support/FakeHttpSessions.ts"

const EWS = "https://mail.contoso.com/EWS/Exchange.asmx"
const ROOT = "https://contoso.com/autodiscover/autodiscover"
const AUTO = "https://autodiscover.contoso.com/autodiscover/autodiscover"
const PLAIN = "http://autodiscover.contoso.com/autodiscover/autodiscover.xml"
const OUTLOOK = "https://autodiscover-s.outlook.com/autodiscover/autodiscover"

const find = (caller = callerOf(), timeout = 10_000, tenant = tenantWith()) =>
  Effect.flatMap(Autodiscover, (autodiscover) => autodiscover.find(tenant, caller, timeout))

/** What was asked over HTTP, in order: `+` with credentials. */
const asked = ({ http }: AutodiscoverWorld) =>
  http.requests.map(({ url, withCredentials }) => `${withCredentials ? "+" : ""}${url}`)

const redirect = (location: string, status = 302): Reaction => says(status, "", { location })

const malformed = new EwsRefused({
  operation: "Autodiscover (SOAP)",
  host: "contoso.com",
  responseCode: "user name with a colon",
  status: 0
})

/** A test in a world of its own, with no time passing but what the test lets pass. */
const inWorld = (
  name: string,
  body: (world: AutodiscoverWorld) => Effect.Effect<void, unknown, Autodiscover>,
  settings: Parameters<typeof makeWorld>[0] = {}
) =>
  it.effect(name, () => {
    const world = makeWorld(settings)
    return body(world).pipe(Effect.provide(world.layer))
  })

describe("Autodiscover's order", () => {
  inWorld("asks SOAP at the domain, with a log-in only where one is asked for", (world) =>
    Effect.gen(function* () {
      world.http.on(`${ROOT}.svc`, behindLogIn(says(200, soapEws(EWS))))
      expect(yield* find()).toEqual({
        endpoint: { url: EWS, listed: false, pins: [], seg: false },
        version: "Exchange2016"
      })
      expect(asked(world)).toEqual([`${ROOT}.svc`, `+${ROOT}.svc`])
      expect(world.http.open()).toBe(0)
    })
  )

  inWorld(
    "goes through POX, the subdomain, plain HTTP, DNS and v2, each where the one before gave nothing",
    (world) =>
      Effect.gen(function* () {
        world.http.otherwise(says(404))
        world.plain.set(PLAIN, "https://sub.contoso.com/autodiscover/autodiscover.xml")
        world.srv.set("_autodiscover._tcp.contoso.com", [
          { name: "srv.contoso.com", port: 443, priority: 0, weight: 0 }
        ])
        const json = "/autodiscover/autodiscover.json/v1.0/ada%40contoso.com?Protocol=EWS"
        world.http.on(
          `https://srv.contoso.com${json}`,
          says(200, JSON.stringify({ Protocol: "EWS", Url: EWS }))
        )
        expect((yield* find()).endpoint.url).toBe(EWS)
        const both = (base: string) => [`${base}.svc`, `${base}.xml`]
        expect(asked(world)).toEqual([
          ...both(ROOT),
          ...both(AUTO),
          ...both("https://sub.contoso.com/autodiscover/autodiscover"),
          ...both("https://srv.contoso.com/autodiscover/autodiscover"),
          `https://contoso.com${json}`,
          `https://autodiscover.contoso.com${json}`,
          `https://sub.contoso.com${json}`,
          `https://srv.contoso.com${json}`
        ])
        expect(world.plainAsked).toEqual([{ url: PLAIN, listed: false }])
        expect(world.srvAsked).toEqual(["_autodiscover._tcp.contoso.com"])
      })
  )

  inWorld(
    "asks the operator's services first, and their hosts only once",
    (world) =>
      Effect.gen(function* () {
        const own = "https://own.contoso.net/autodiscover/autodiscover"
        world.http.on(`${own}.svc`, says(404))
        world.http.on(`${own}.xml`, behindLogIn(says(200, poxEws(EWS))))
        expect((yield* find()).version).toBe(undefined)
        expect(asked(world)).toEqual([
          "https://a.contoso.net/autodiscover/autodiscover.svc",
          `${own}.svc`,
          `${own}.xml`,
          `+${own}.xml`
        ])
      }),
    {
      autodiscoverUrls: [
        "https://a.contoso.net/",
        "https://own.contoso.net/autodiscover/autodiscover.xml",
        "https://own.contoso.net/autodiscover/autodiscover.svc"
      ]
    }
  )

  inWorld(
    "does not ask a host by POX that cannot be reached, is busy or refuses the log-in by SOAP",
    (world) =>
      Effect.gen(function* () {
        world.http.on(`${ROOT}.svc`, says(503))
        world.http.on(`${AUTO}.svc`, refuses)
        world.plain.set(PLAIN, `${OUTLOOK}.xml`)
        world.http.on(`${OUTLOOK}.svc`, behindLogIn(says(200, soapEws(EWS))))
        expect((yield* find()).endpoint.url).toBe(EWS)
        expect(asked(world)).toEqual([
          `${ROOT}.svc`,
          `${AUTO}.svc`,
          `+${AUTO}.svc`,
          `${OUTLOOK}.svc`,
          `+${OUTLOOK}.svc`
        ])
      })
  )

  inWorld("prefers what is for the outside, and takes the first URL that may be used", (world) =>
    Effect.gen(function* () {
      world.http.on(
        `${ROOT}.svc`,
        says(
          200,
          soap({
            settings: { ExternalEwsUrl: "http://mail.contoso.com/EWS/Exchange.asmx", InternalEwsUrl: EWS },
            server: "Exchange2013_SP1"
          })
        )
      )
      expect(yield* find()).toMatchObject({ endpoint: { url: EWS }, version: "Exchange2013_SP1" })
    })
  )

  inWorld("logs in at once with a certificate, which cannot be asked for by an answer", (world) =>
    Effect.gen(function* () {
      world.http.on(`${ROOT}.svc`, behindLogIn(says(200, soapEws(EWS))))
      yield* find(callerOf(undefined, { authType: "Certificate" }))
      expect(asked(world)).toEqual([`+${ROOT}.svc`])
    })
  )

  inWorld(
    "does not ask over plain HTTP past the operator's proxy",
    (world) =>
      Effect.gen(function* () {
        yield* Effect.flip(find())
        expect(world.plainAsked).toEqual([])
        yield* Effect.flip(find(callerOf("ada@fabrikam.com")))
        expect(world.plainAsked).toEqual([
          { url: "http://autodiscover.fabrikam.com/autodiscover/autodiscover.xml", listed: false }
        ])
      }),
    {
      ewsProxyUrl: Redacted.make("http://proxy.contoso.com:3128"),
      ewsProxyBypass: ["autodiscover.fabrikam.com"]
    }
  )

  inWorld("finds nothing for what is no address of a domain, and asks nobody", (world) =>
    Effect.gen(function* () {
      const long = `${"a".repeat(320)}@contoso.com`
      for (const address of [
        "ada",
        "ada@",
        "@contoso.com",
        "ada@127.0.0.1",
        "ada@[::1]",
        "ada@2130706433",
        long
      ]) {
        expect(yield* Effect.flip(find(callerOf(address))), address).toMatchObject({ answered: false })
      }
      expect([...asked(world), ...world.plainAsked, ...world.srvAsked]).toEqual([])
    })
  )
})

describe("Autodiscover's redirects", () => {
  for (const status of [301, 302, 307, 308]) {
    inWorld(`follows HTTP ${status} to a service at another host`, (world) =>
      Effect.gen(function* () {
        world.http.on(`${ROOT}.svc`, redirect("https://ad.contoso.net/Autodiscover/Autodiscover.svc", status))
        world.http.on(
          "https://ad.contoso.net/autodiscover/autodiscover.svc",
          behindLogIn(says(200, soapEws(EWS)))
        )
        expect((yield* find()).endpoint.url).toBe(EWS)
        expect(asked(world).filter((url) => url.startsWith("+"))).toEqual([
          "+https://ad.contoso.net/Autodiscover/Autodiscover.svc"
        ])
      })
    )
  }

  inWorld("follows redirectUrl of POX and RedirectUrl of SOAP", (world) =>
    Effect.gen(function* () {
      world.http.on(
        `${ROOT}.svc`,
        behindLogIn(
          says(200, soap({ code: "RedirectUrl", target: "https://one.net/autodiscover/autodiscover.svc" }))
        )
      )
      world.http.on(
        "https://one.net/autodiscover/autodiscover.xml",
        behindLogIn(says(200, poxRedirectUrl("https://two.net/autodiscover/x/autodiscover.xml")))
      )
      world.http.on("https://one.net/autodiscover/autodiscover.svc", says(404))
      world.http.on("https://two.net/autodiscover/x/autodiscover.svc", behindLogIn(says(200, soapEws(EWS))))
      expect((yield* find()).endpoint.url).toBe(EWS)
    })
  )

  inWorld("starts over with another address, keeping the log-in", (world) =>
    Effect.gen(function* () {
      world.http.on(`${ROOT}.svc`, says(404))
      world.http.on(
        `${ROOT}.xml`,
        behindLogIn(says(200, poxRedirectAddress("ada@contoso.mail.onmicrosoft.com")))
      )
      const cloud = "https://autodiscover.contoso.mail.onmicrosoft.com/autodiscover/autodiscover.svc"
      world.http.on(cloud, behindLogIn(says(200, soapEws(EWS))))
      expect((yield* find()).endpoint.url).toBe(EWS)
      expect(world.http.requests.at(-1)).toMatchObject({ url: cloud, withCredentials: true })
      expect(world.http.requests.at(-1)?.body).toContain("ada@contoso.mail.onmicrosoft.com")
    })
  )

  inWorld(
    "asks the operator's services about that other address, too",
    (world) =>
      Effect.gen(function* () {
        world.http.on("https://own.net/autodiscover/autodiscover.svc", (request) =>
          says(
            200,
            request.body.includes("ada@inside.test")
              ? soapEws(EWS)
              : soap({ code: "RedirectAddress", target: "ada@inside.test" })
          )(request)
        )
        expect((yield* find()).endpoint.url).toBe(EWS)
        expect(asked(world)).toHaveLength(2)
      }),
    { autodiscoverUrls: ["https://own.net"] }
  )

  inWorld(
    "follows an address that SOAP names, and goes on with the first one's candidates if that fails",
    (world) =>
      Effect.gen(function* () {
        world.http.on(`${ROOT}.svc`, says(200, soap({ code: "RedirectAddress", target: "ada@nowhere.net" })))
        world.http.on(`${AUTO}.svc`, says(200, soapEws(EWS)))
        expect((yield* find()).endpoint.url).toBe(EWS)
        expect(asked(world)).toEqual([
          `${ROOT}.svc`,
          "https://nowhere.net/autodiscover/autodiscover.svc",
          "https://autodiscover.nowhere.net/autodiscover/autodiscover.svc",
          `${AUTO}.svc`
        ])
      })
  )

  inWorld("does not go in circles, by URL or by address", (world) =>
    Effect.gen(function* () {
      const ring = (target: string) => says(200, soap({ code: "RedirectUrl", target }))
      world.http.on(`${ROOT}.svc`, ring("https://one.net/autodiscover/autodiscover.xml"))
      world.http.on("https://one.net/autodiscover/autodiscover.svc", ring(`${ROOT}.svc`))
      world.http.on(`${AUTO}.svc`, says(200, soap({ code: "RedirectAddress", target: "ADA@contoso.com" })))
      expect(yield* Effect.flip(find())).toMatchObject({ _tag: "EwsUrlUnknown", answered: false })
      expect(asked(world)).toEqual([
        `${ROOT}.svc`,
        "https://one.net/autodiscover/autodiscover.svc",
        `${AUTO}.svc`
      ])
    })
  )

  inWorld("follows 10 redirects and no more", (world) =>
    Effect.gen(function* () {
      world.http.otherwise(({ url }) => {
        const number = Number(/^https:\/\/n(\d+)\./.exec(url)?.[1] ?? "0")
        return says(
          200,
          soap({ code: "RedirectUrl", target: `https://n${number + 1}.net/autodiscover/autodiscover.svc` })
        )({
          url
        } as never)
      })
      yield* Effect.flip(find())
      const numbers = asked(world).flatMap((url) => /^https:\/\/n(\d+)\./.exec(url)?.[1] ?? [])
      expect(numbers.map(Number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    })
  )

  inWorld("does not follow a web site to its own pages", (world) =>
    Effect.gen(function* () {
      world.http.on(`${ROOT}.svc`, redirect("https://www.contoso.com/"))
      world.http.on(`${ROOT}.xml`, redirect("/404.html"))
      world.http.on(`${AUTO}.svc`, redirect("http://www.contoso.com/autodiscover/autodiscover.svc"))
      world.http.on(`${AUTO}.xml`, redirect("https://www.contoso.com:8443/autodiscover/autodiscover.xml"))
      yield* Effect.flip(find())
      expect(asked(world).filter((url) => !url.includes("autodiscover.json"))).toEqual([
        `${ROOT}.svc`,
        `${ROOT}.xml`,
        `${AUTO}.svc`,
        `${AUTO}.xml`
      ])
    })
  )

  for (const [target, followed] of [
    ["https://sub.contoso.com/autodiscover/autodiscover.xml", true],
    ["https://contoso.com/autodiscover/other/autodiscover.xml", true],
    ["https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml", true],
    ["https://autodiscover.office365.com/autodiscover/autodiscover.svc", true],
    ["https://evil.net/autodiscover/autodiscover.xml", false],
    ["https://evilcontoso.com/autodiscover/autodiscover.xml", false],
    ["https://contoso.com.evil.net/autodiscover/autodiscover.xml", false],
    ["https://evil.net/contoso.com/autodiscover/autodiscover.xml", false],
    ["https://notoutlook.com/autodiscover/autodiscover.xml", false],
    ["http://sub.contoso.com/autodiscover/autodiscover.xml", false],
    ["https://sub.contoso.com:444/autodiscover/autodiscover.xml", false],
    ["https://sub.contoso.com/login?next=/autodiscover/autodiscover.xml", false],
    ["https://sub.contoso.com/autodiscover/autodiscover.json/v1.0/x", false],
    ["https://ada:pw@sub.contoso.com/autodiscover/autodiscover.xml", false],
    ["/autodiscover/autodiscover.xml", false],
    ["https://127.0.0.1/autodiscover/autodiscover.xml", false]
  ] as const) {
    inWorld(`${followed ? "follows" : "does not follow"} plain HTTP to ${target}`, (world) =>
      Effect.gen(function* () {
        world.plain.set(PLAIN, target)
        yield* Effect.flip(find())
        const base = new URL(target, PLAIN)
        const there = base.origin + base.pathname.replace(/\.\w+$/, "")
        expect(asked(world)).toEqual([`${ROOT}.svc`, `${AUTO}.svc`, ...(followed ? [`${there}.svc`] : [])])
      })
    )
  }

  inWorld("takes of DNS only a host inside the domain, on port 443, by priority and weight", (world) =>
    Effect.gen(function* () {
      const record = (name: string, port: number, priority: number, weight: number) => ({
        name,
        port,
        priority,
        weight
      })
      world.srv.set("_autodiscover._tcp.contoso.com", [
        record("evil.net", 443, 0, 100),
        record("other.contoso.com", 8443, 0, 100),
        record("127.0.0.1", 443, 0, 100),
        record(".", 443, 0, 0),
        record("light.contoso.com", 443, 1, 1),
        record("best.contoso.com.", 443, 1, 5),
        record("late.contoso.com", 443, 2, 100)
      ])
      yield* Effect.flip(find())
      expect(asked(world).slice(2)).toEqual(["https://best.contoso.com/autodiscover/autodiscover.svc"])
    })
  )
})

describe("Autodiscover where hosts are listed", () => {
  const listed = {
    ewsAllowedHosts: ["autodiscover.contoso.com", "mail.contoso.com", "10.1.0.0/16", "127.0.0.1"]
  }

  inWorld(
    "asks only listed hosts, on whatever port",
    (world) =>
      Effect.gen(function* () {
        world.http.otherwise(says(404))
        world.plain.set(PLAIN, "https://mail.contoso.com:8443/autodiscover/autodiscover.xml")
        world.srv.set("_autodiscover._tcp.contoso.com", [
          { name: "sub.contoso.com", port: 443, priority: 0, weight: 0 },
          { name: "mail.contoso.com", port: 9443, priority: 1, weight: 0 }
        ])
        yield* Effect.flip(find())
        expect(new Set(world.http.requests.map(({ url }) => new URL(url).host))).toEqual(
          new Set(["autodiscover.contoso.com", "mail.contoso.com:8443", "mail.contoso.com:9443"])
        )
        expect(world.http.requests.every(({ endpoint }) => endpoint.listed)).toBe(true)
        expect(world.plainAsked).toEqual([{ url: PLAIN, listed: true }])
      }),
    listed
  )

  inWorld(
    "asks nobody over plain HTTP who is not listed",
    (world) =>
      Effect.gen(function* () {
        yield* Effect.flip(find(callerOf("ada@fabrikam.com")))
        expect([asked(world), world.plainAsked]).toEqual([[], []])
      }),
    listed
  )

  inWorld(
    "16 where Autodiscover names only an EWS URL that is not listed, and the log says which",
    (world) =>
      Effect.gen(function* () {
        world.http.on(`${AUTO}.svc`, says(200, soapEws("https://other.contoso.com/EWS/Exchange.asmx")))
        const error = yield* Effect.flip(find())
        expect(error).toMatchObject({ _tag: "EwsUrlUnknown", answered: true })
        expect(error.message).toMatch(/^Unable to determine the Exchange version after autodiscovery\./)
        expect(
          world.log.some(({ level, text }) => level === "WARN" && text.includes("other.contoso.com"))
        ).toBe(true)
      }),
    listed
  )

  inWorld(
    "takes a rehearsal's service on loopback, and its EWS URL",
    (world) =>
      Effect.gen(function* () {
        const own = "http://127.0.0.1:8090/autodiscover/autodiscover"
        world.http.on(
          `${own}.svc`,
          behindLogIn(says(200, soapEws("http://127.0.0.1:8090/EWS/Exchange.asmx")))
        )
        expect((yield* find()).endpoint).toMatchObject({
          url: "http://127.0.0.1:8090/EWS/Exchange.asmx",
          listed: true
        })
      }),
    { ...listed, autodiscoverUrls: ["http://127.0.0.1:8090/autodiscover/autodiscover.xml"] }
  )

  inWorld("holds every host to the tenant's pins and takes none for a gateway", (world) =>
    Effect.gen(function* () {
      const pins = ["ab".repeat(32)]
      world.http.on(`${ROOT}.svc`, behindLogIn(says(200, soapEws(EWS))))
      const { endpoint } = yield* find(callerOf(), 10_000, tenantWith({ ewsPins: pins, seg: true }))
      expect(endpoint).toEqual({ url: EWS, listed: false, pins, seg: true })
      expect(world.http.requests.map(({ endpoint }) => endpoint)).toEqual([
        { url: `${ROOT}.svc`, listed: false, pins, seg: false },
        { url: `${ROOT}.svc`, listed: false, pins, seg: false }
      ])
    })
  )
})

describe("Autodiscover's failures", () => {
  inWorld("one refused log-in is not final, the second one is", (world) =>
    Effect.gen(function* () {
      world.http.on(`${ROOT}.svc`, refuses)
      world.http.on(`${AUTO}.svc`, refuses)
      world.plain.set(PLAIN, `${OUTLOOK}.xml`)
      const budget = registrationBudget()
      expect(yield* Effect.flip(find(callerOf(undefined, { budget })))).toMatchObject({
        _tag: "EwsUnauthorized",
        host: "autodiscover.contoso.com"
      })
      expect(budget.allows).toBe(false)
      expect(asked(world)).toEqual([`${ROOT}.svc`, `+${ROOT}.svc`, `${AUTO}.svc`, `+${AUTO}.svc`])
      // Nothing left: refused before anything is sent, and nothing of it was remembered.
      expect(yield* Effect.flip(find(callerOf(undefined, { budget })))).toMatchObject({
        _tag: "EwsUnauthorized"
      })
      expect(asked(world).slice(4)).toEqual([`${ROOT}.svc`])
    })
  )

  inWorld("14 where nothing answers, with ENS2's words and one line that says who was asked", (world) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(find())
      expect(error).toMatchObject({ _tag: "EwsUrlUnknown", answered: false })
      expect(error.message).toBe("The Autodiscover service couldn't be located.")
      const lines = world.log.filter(({ level }) => level !== "DEBUG")
      expect(lines).toHaveLength(1)
      for (const part of [
        "WARN",
        "contoso.com (SOAP) cannot be reached",
        "autodiscover.contoso.com (SOAP)",
        "DNS"
      ]) {
        expect(`${lines[0]?.level} ${lines[0]?.text}`).toContain(part)
      }
    })
  )

  for (const [what, reaction] of [
    ["an error of POX", behindLogIn(says(200, poxError(600)))],
    ["an error of SOAP", behindLogIn(says(200, soap({ code: "InvalidUser" })))],
    ["settings without a URL", behindLogIn(says(200, poxSettings()))],
    ["an error of v2", says(404, JSON.stringify({ ErrorCode: "UserNotFound", ErrorMessage: "no" }))]
  ] as const) {
    inWorld(`16 after ${what}`, (world) =>
      Effect.gen(function* () {
        world.http.otherwise(reaction)
        expect(yield* Effect.flip(find())).toMatchObject({ _tag: "EwsUrlUnknown", answered: true })
      })
    )
  }

  inWorld("goes on to the next candidate after an error", (world) =>
    Effect.gen(function* () {
      world.http.on(`${ROOT}.svc`, says(200, poxError(600)))
      world.http.on(`${ROOT}.xml`, says(200, poxError(600)))
      world.http.on(`${AUTO}.svc`, behindLogIn(says(200, soapEws(EWS))))
      expect((yield* find()).endpoint.url).toBe(EWS)
    })
  )

  for (const [what, reaction, retryAfter] of [
    ["SOAP's ServerBusy", says(200, soap({ overall: "ServerBusy" })), 60_000],
    ["HTTP 503 with Retry-After", says(503, "", { "retry-after": "120" }), 120_000],
    [
      "a host that is left alone",
      () => new EwsBusy({ operation: "", host: "", responseCode: "", retryAfter: 5_000 }),
      5_000
    ]
  ] as const) {
    inWorld(`14 with a time to come back after ${what}, not remembered`, (world) =>
      Effect.gen(function* () {
        world.http.on(`${AUTO}.svc`, reaction)
        expect(yield* Effect.flip(find())).toMatchObject({ answered: false, retryAfter })
        world.http.on(`${AUTO}.svc`, says(200, soapEws(EWS)))
        expect((yield* find()).endpoint.url).toBe(EWS)
      })
    )
  }

  inWorld("gives an answer within the time allowed, and each candidate a part of it", (world) =>
    Effect.gen(function* () {
      world.http.otherwise(behindLogIn(() => Effect.never))
      const finding = yield* Effect.fork(Effect.flip(find()))
      yield* TestClock.adjust("9999 millis")
      expect(finding.unsafePoll()).toBe(null)
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(finding)).toMatchObject({ _tag: "EwsUrlUnknown", answered: false })
      expect(world.http.requests.map(({ at, timeout }) => [at, timeout])).toEqual([
        [0, 3_000],
        [0, 8_000],
        [8_000, 2_000],
        [8_000, 2_000]
      ])
      expect(world.http.open()).toBe(0)
    })
  )

  inWorld("waits 3 seconds for a host that does not answer at all", (world) =>
    Effect.gen(function* () {
      world.http.otherwise(() => Effect.never)
      const finding = yield* Effect.fork(Effect.flip(find()))
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.join(finding)
      expect(world.http.requests.map(({ at }) => at)).toEqual([0, 3_000])
    })
  )

  inWorld("interrupts a service that asks for the log-in and then keeps still", (world) =>
    Effect.gen(function* () {
      world.http.on(
        `${ROOT}.svc`,
        behindLogIn(() => Effect.never)
      )
      world.http.on(`${AUTO}.svc`, behindLogIn(says(200, soapEws(EWS))))
      const finding = yield* Effect.fork(find())
      yield* TestClock.adjust("8 seconds")
      expect((yield* Fiber.join(finding)).endpoint.url).toBe(EWS)
    })
  )
})

describe("Autodiscover's memory", () => {
  const HOURS_6 = 6 * 60 * 60_000
  const working = (world: AutodiscoverWorld) =>
    world.http.on(`${ROOT}.svc`, behindLogIn(says(200, soapEws(EWS))))

  inWorld("remembers a domain's place for 6 hours, per tenant", (world) =>
    Effect.gen(function* () {
      working(world)
      const first = yield* find()
      expect(yield* find(callerOf("bob@CONTOSO.com"))).toEqual(first)
      yield* TestClock.adjust(HOURS_6 - 1)
      expect(yield* find()).toEqual(first)
      expect(asked(world)).toHaveLength(2)
      yield* find(callerOf(), 10_000, tenantWith({ tenant: 2 as TenantNumber }))
      expect(asked(world)).toHaveLength(4)
      yield* TestClock.adjust(1)
      yield* find()
      expect(asked(world)).toHaveLength(6)
    })
  )

  inWorld("forgets a URL that has stopped working, in all domains of that tenant only", (world) =>
    Effect.gen(function* () {
      working(world)
      world.http.on(
        "https://fabrikam.com/autodiscover/autodiscover.svc",
        behindLogIn(says(200, soapEws(EWS)))
      )
      const autodiscover = yield* Autodiscover
      const other = tenantWith({ tenant: 11 as TenantNumber })
      const all = Effect.all([find(), find(callerOf("bob@fabrikam.com")), find(callerOf(), 10_000, other)])
      yield* all
      expect(asked(world)).toHaveLength(6)
      yield* autodiscover.forget(tenantWith(), "https://mail.contoso.com/else")
      yield* all
      expect(asked(world)).toHaveLength(6)
      yield* autodiscover.forget(tenantWith(), EWS.replace("mail", "MAIL"))
      yield* all
      expect(asked(world)).toHaveLength(10)
    })
  )

  inWorld("does not take another domain's place for the domain's", (world) =>
    Effect.gen(function* () {
      world.http.on(`${ROOT}.svc`, says(200, soap({ code: "RedirectAddress", target: "ada@fabrikam.com" })))
      world.http.on("https://fabrikam.com/autodiscover/autodiscover.svc", says(200, soapEws(EWS)))
      yield* find()
      yield* find()
      expect(asked(world)).toHaveLength(4)
    })
  )

  inWorld("looks once for all who ask at the same time", (world) =>
    Effect.gen(function* () {
      world.http.on(
        `${ROOT}.svc`,
        behindLogIn((request) => Effect.delay(says(200, soapEws(EWS))(request), "2 seconds"))
      )
      const finding = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 50 }, (_, number) => find(callerOf(`user${number}@contoso.com`))),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("2 seconds")
      const found = yield* Fiber.join(finding)
      expect(new Set(found.map(({ endpoint }) => endpoint.url))).toEqual(new Set([EWS]))
      expect(asked(world)).toHaveLength(2)
    })
  )

  inWorld("lets the next one look with its own log-in when somebody's was refused", (world) =>
    Effect.gen(function* () {
      world.http.on(
        `${ROOT}.svc`,
        behindLogIn((request) =>
          request.body.includes("mallory")
            ? Effect.delay(refuses(request), "1 second")
            : says(200, soapEws(EWS))(request)
        )
      )
      const mallory = yield* Effect.fork(Effect.flip(find(callerOf("mallory@contoso.com"))))
      yield* Effect.yieldNow()
      const ada = yield* Effect.fork(find())
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(mallory)).toMatchObject({ _tag: "EwsUrlUnknown", answered: false })
      expect((yield* Fiber.join(ada)).endpoint.url).toBe(EWS)
    })
  )

  inWorld("asks a domain where nothing was reached again after 30 seconds", (world) =>
    Effect.gen(function* () {
      yield* Effect.flip(find())
      const once = asked(world).length
      yield* Effect.flip(find(callerOf("bob@contoso.com")))
      expect(asked(world)).toHaveLength(once)
      yield* TestClock.adjust("30 seconds")
      working(world)
      expect((yield* find()).endpoint.url).toBe(EWS)
    })
  )

  inWorld("does not take a search that ran out of time for one that found nothing", (world) =>
    Effect.gen(function* () {
      world.http.otherwise(() => Effect.never)
      const finding = yield* Effect.fork(Effect.flip(find(callerOf(), 2_000)))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(finding)
      working(world)
      expect((yield* find()).endpoint.url).toBe(EWS)
    })
  )

  inWorld(
    "shares nothing among addresses without a domain, which only an operator's service can know",
    (world) =>
      Effect.gen(function* () {
        world.http.on("https://own.net/autodiscover/autodiscover.svc", (request) =>
          says(
            200,
            soapEws(`https://${request.body.includes("ada") ? "a" : "b"}.net/EWS/Exchange.asmx`)
          )(request)
        )
        expect((yield* find(callerOf("ada@one"))).endpoint.url).toContain("a.net")
        expect((yield* find(callerOf("bob@two"))).endpoint.url).toContain("b.net")
      }),
    { autodiscoverUrls: ["https://own.net"] }
  )

  inWorld("does not let one user's error keep others out", (world) =>
    Effect.gen(function* () {
      world.http.on(
        `${ROOT}.svc`,
        behindLogIn((request) =>
          says(200, request.body.includes("nobody") ? soap({ code: "InvalidUser" }) : soapEws(EWS))(request)
        )
      )
      yield* Effect.flip(find(callerOf("nobody@contoso.com")))
      expect((yield* find()).endpoint.url).toBe(EWS)
    })
  )

  for (const [what, reaction] of [
    ["answered 403", says(403)],
    ["refused by the credentials' own form", () => Effect.fail(malformed)],
    ["hung up on", unreachable]
  ] as const) {
    inWorld(`does not let a user keep others out whose log-in was ${what}`, (world) =>
      Effect.gen(function* () {
        world.http.on(`${ROOT}.svc`, behindLogIn(reaction))
        yield* Effect.flip(find())
        world.http.on(`${ROOT}.svc`, behindLogIn(says(200, soapEws(EWS))))
        expect((yield* find(callerOf("bob@contoso.com"))).endpoint.url).toBe(EWS)
      })
    )
  }

  inWorld("does not grow without bound", (world) =>
    Effect.gen(function* () {
      world.http.otherwise(says(200, soapEws(EWS)))
      for (let number = 0; number <= 1_000; number += 1) yield* find(callerOf(`ada@d${number}.net`))
      const before = asked(world).length
      yield* find(callerOf("ada@d1000.net"))
      expect(asked(world)).toHaveLength(before)
      yield* find(callerOf("ada@d0.net"))
      expect(asked(world)).toHaveLength(before + 1)
    })
  )
})

describe("Autodiscover's log", () => {
  inWorld("tells the host and where it was found in one line, and no address or secret anywhere", (world) =>
    Effect.gen(function* () {
      world.http.on(`${ROOT}.svc`, says(404))
      world.http.on(`${ROOT}.xml`, behindLogIn(says(200, poxRedirectAddress("ada.lovelace@fabrikam.com"))))
      world.http.on(
        "https://fabrikam.com/autodiscover/autodiscover.svc",
        behindLogIn(says(200, soapEws(EWS)))
      )
      yield* find()
      yield* Effect.flip(find(callerOf("ada@example.net")))
      const infos = world.log.filter(({ level }) => level === "INFO")
      expect(infos).toHaveLength(1)
      expect(infos[0]?.text).toContain(
        "Autodiscover found the EWS host mail.contoso.com (SOAP at fabrikam.com, Exchange2016)"
      )
      const all = JSON.stringify(world.log).toLowerCase()
      for (const secret of ["ada@", "ada%40", "lovelace", "s3cret-word"]) expect(all).not.toContain(secret)
    })
  )
})
