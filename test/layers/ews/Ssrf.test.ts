import type { SrvRecord } from "node:dns"
import type { LookupFunction } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { accountFor } from "../../../actors/jobs/Account.ts"
import { Autodiscover } from "../../../layers/ews/Autodiscover.ts"
import * as DomainAutodiscover from "../../../layers/ews/DomainAutodiscover.ts"
import { EndpointPolicy } from "../../../layers/ews/EndpointPolicy.ts"
import * as EndpointPolicyLive from "../../../layers/ews/EndpointPolicyLive.ts"
import * as EwsClient from "../../../layers/ews/EwsClient.ts"
import { HttpSessions } from "../../../layers/ews/HttpSessions.ts"
import * as HttpSessionsLive from "../../../layers/ews/HttpSessionsLive.ts"
import { PlainRedirect } from "../../../layers/ews/PlainRedirect.ts"
import * as PlainRedirectLive from "../../../layers/ews/PlainRedirectLive.ts"
import { SrvRecords } from "../../../layers/ews/SrvRecords.ts"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import { poxEws, poxRedirectAddress, poxRedirectUrl, soap, soapEws } from "../../support/AutodiscoverText.ts"
import { callerOf, tenantWith } from "../../support/AutodiscoverWorld.ts"
import { type Canary, makeCanary } from "../../support/Canary.ts"
import { settingsOf } from "../../support/CryptoFixture.ts"
import { openSession } from "../../support/EwsCaller.ts"
import { type FakeHttpSessions, makeFakeHttpSessions, says } from "../../support/FakeHttpSessions.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { say, scriptedServer } from "../../support/ScriptedServer.ts"

/**
 * Nothing may reach what nobody listed and is not public. Policy, Autodiscover, EWS client and connections are the real
 * ones; only names are resolved by the test, and some hosts out in the world are scripted, because they must have port 443.
 */
interface World {
  readonly canary: Canary
  /** Hosts in the world that answer from a script; what is not in it is really connected to. */
  readonly world: FakeHttpSessions
  /** Addresses of a name; each lookup takes the next answer, the last one stays. */
  readonly names: Map<string, Array<ReadonlyArray<string>>>
  readonly lookups: Array<string>
  readonly srv: Map<string, ReadonlyArray<SrvRecord>>
  /** Location that a plain-HTTP URL answers; the others are really asked. */
  readonly plain: Map<string, string>
}

const makeWorld = Effect.gen(function* () {
  const world: World = {
    canary: yield* makeCanary,
    world: makeFakeHttpSessions(),
    names: new Map(),
    lookups: [],
    srv: new Map(),
    plain: new Map()
  }
  return world
})

const resolver =
  ({ lookups, names }: World): LookupFunction =>
  (hostname, _, callback) => {
    lookups.push(hostname)
    const answers = names.get(hostname)
    const addresses = answers === undefined ? [] : answers.length > 1 ? answers.shift()! : answers[0]!
    const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
    const missing = Object.assign(new Error("no such name"), { code: "ENOTFOUND" })
    setImmediate(() => (found.length === 0 ? callback(missing, []) : callback(null, found)))
  }

const layerOf = (it: World, settings: Partial<SettingsShape>) => {
  const lookup = resolver(it)
  const sessions = Layer.effect(HttpSessions, Effect.map(HttpSessions, it.world.elseTo)).pipe(
    Layer.provide(HttpSessionsLive.layerWith({ lookup, connectTimeout: 300 }))
  )
  const plain = Layer.effect(
    PlainRedirect,
    Effect.map(PlainRedirect, (real) => ({
      locationOf: (url, listed, timeout) => {
        const location = it.plain.get(url)
        return location === undefined ? real.locationOf(url, listed, timeout) : Effect.succeed(location)
      }
    }))
  ).pipe(Layer.provide(PlainRedirectLive.layerWith({ lookup })))
  return Layer.merge(DomainAutodiscover.layerWithSeams, EwsClient.layer).pipe(
    Layer.provide(plain),
    Layer.provide(Layer.succeed(SrvRecords, { lookup: (name) => Effect.succeed(it.srv.get(name) ?? []) })),
    Layer.provideMerge(Layer.merge(sessions, EndpointPolicyLive.layer)),
    Layer.provideMerge(settingsOf(settings)),
    Layer.provideMerge(LogRecorder.layer([]))
  )
}

/** What a registration comes to, as the device would be told; 7 = the mailbox was opened. */
const register = (ewsUrl: string | undefined, address?: string) =>
  Effect.gen(function* () {
    const tenant = tenantWith()
    const caller = callerOf(address)
    const choice = yield* (yield* EndpointPolicy).choose(tenant, ewsUrl)
    const url =
      choice._tag === "Endpoint"
        ? choice.endpoint.url
        : (yield* (yield* Autodiscover).find(tenant, caller, 5_000)).endpoint.url
    const mailbox = { ewsUrl: url, exchangeVersion: "Exchange2013", authType: "Basic" } as const
    const account = yield* accountFor(tenant, mailbox, caller)
    yield* (yield* openSession(account)).inbox(2_000)
    return 7
  }).pipe(
    Effect.scoped,
    Effect.catchTags({
      EwsUrlNotAllowed: () => Effect.succeed(35),
      EwsUrlUnknown: ({ answered }) => Effect.succeed(answered ? 16 : 14)
    }),
    Effect.catchAll(() => Effect.succeed(14))
  )

type Services = Effect.Effect.Context<ReturnType<typeof register>>

/** A test in a world of its own. */
const scenario = (
  name: string,
  body: (it: World) => Effect.Effect<void, unknown, Services | Scope.Scope>,
  settings: (it: World) => Partial<SettingsShape> = () => ({})
) =>
  it.scopedLive(name, () =>
    Effect.flatMap(makeWorld, (world) => Effect.provide(body(world), layerOf(world, settings(world))))
  )

/** All the ways to write the canary's address, and others of its kind. */
const spellings = (address: string): ReadonlyArray<string> => {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number)
  const number = ((a * 256 + b) * 256 + c) * 256 + d
  const hex = (value: number) => value.toString(16)
  return [
    address,
    String(number),
    `0x${hex(number)}`,
    `0${a.toString(8)}.0${b.toString(8)}.0${c.toString(8)}.0${d.toString(8)}`,
    `0x${hex(a)}.${(b * 256 + c) * 256 + d}`,
    `${address}.`,
    `[::ffff:${address}]`,
    `[::ffff:${hex(a * 256 + b)}:${hex(c * 256 + d)}]`,
    `[::${address}]`,
    `[64:ff9b::${address}]`,
    `[2002:${hex(a * 256 + b)}:${hex(c * 256 + d)}::1]`
  ]
}

const FORBIDDEN = [
  "127.0.0.1",
  "[::1]",
  "localhost",
  "LOCALHOST.",
  "x.localhost",
  "169.254.169.254",
  "[fe80::1]",
  "[fd00:ec2::254]",
  "10.0.0.1",
  "172.16.0.1",
  "192.168.0.1",
  "100.64.0.1",
  "0.0.0.0",
  "0",
  "[::]",
  "224.0.0.1",
  "255.255.255.255",
  "metadata.google.internal",
  "intranet"
]

const untouched = ({ canary }: World) => expect([canary.visits(), canary.bytes()]).toEqual([0, 0])

describe("what nobody listed and is not public", () => {
  scenario(
    "the canary sings when somebody comes, so that its silence means something",
    (it) =>
      Effect.gen(function* () {
        yield* register(`http://${it.canary.address}:${it.canary.port}/EWS/Exchange.asmx`)
        expect(it.canary.visits()).toBeGreaterThan(0)
        expect(it.canary.bytes()).toBeGreaterThan(0)
      }),
    (it) => ({ ewsAllowedHosts: [it.canary.address] })
  )

  scenario("35 for a device's EWS URL there, however it is written", (it) =>
    Effect.gen(function* () {
      const { address, ports } = it.canary
      for (const host of [...spellings(address), ...FORBIDDEN]) {
        for (const scheme of ["http", "https"]) {
          for (const port of ["", ...ports.map((number) => `:${number}`)]) {
            const url = `${scheme}://${host}${port}/EWS/Exchange.asmx`
            expect(yield* register(url), url).toBe(35)
          }
        }
      }
      untouched(it)
      expect(it.lookups).toEqual([])
    })
  )

  scenario(
    "35 all the same where a list names others",
    (it) =>
      Effect.gen(function* () {
        for (const host of spellings(it.canary.address)) {
          for (const port of it.canary.ports) {
            const url = `https://${host}:${port}/EWS/Exchange.asmx`
            expect(yield* register(url), url).toBe(35)
          }
        }
        untouched(it)
      }),
    () => ({ ewsAllowedHosts: ["mail.example.com", "10.0.0.0/8", "127.0.0.1"] })
  )

  scenario("14 for an address whose domain resolves there, over HTTPS, plain HTTP and DNS", (it) =>
    Effect.gen(function* () {
      const { address, port } = it.canary
      for (const [index, resolved] of [
        [address],
        [address, "::1"],
        [`::ffff:${address}`],
        ["10.0.0.1", address]
      ].entries()) {
        const domain = `private${index}.example`
        it.names.set(domain, [resolved]).set(`autodiscover.${domain}`, [resolved])
        it.srv.set(`_autodiscover._tcp.${domain}`, [
          { name: `srv.${domain}`, port: 443, priority: 0, weight: 0 },
          { name: domain, port, priority: 0, weight: 0 }
        ])
        it.names.set(`srv.${domain}`, [resolved])
        expect(yield* register(undefined, `ada@${domain}`)).toBe(14)
        // HTTPS at both, plain HTTP at the second, and what DNS names: all were tried.
        const sub = `autodiscover.${domain}`
        expect(new Set(it.lookups.filter((name) => name.endsWith(domain)))).toEqual(
          new Set([domain, sub, `srv.${domain}`])
        )
        expect(it.lookups.filter((name) => name === sub).length).toBeGreaterThan(1)
      }
      untouched(it)
    })
  )

  scenario("14 for an address whose domain is such a host", (it) =>
    Effect.gen(function* () {
      for (const host of [...spellings(it.canary.address), ...FORBIDDEN]) {
        expect(yield* register(undefined, `ada@${host}`), host).toBe(14)
      }
      untouched(it)
    })
  )

  scenario("14 for a name that is public when it is looked up first, and not when it is used", (it) =>
    Effect.gen(function* () {
      // Of a block that nobody was ever given, so that no packet arrives anywhere.
      it.names.set("rebind.example", [["2d00::1"], [it.canary.address]])
      it.names.set("autodiscover.rebind.example", [["2d00::1"], [it.canary.address]])
      expect(yield* register(undefined, "ada@rebind.example")).toBe(14)
      expect(it.lookups.filter((name) => name === "autodiscover.rebind.example").length).toBeGreaterThan(1)
      untouched(it)
    })
  )

  scenario("14 for an EWS host that Autodiscover names and that resolves there, now or later", (it) =>
    Effect.gen(function* () {
      it.world.on(
        "https://contoso.com/autodiscover/autodiscover.svc",
        says(200, soapEws("https://mail.contoso.com/EWS/Exchange.asmx"))
      )
      it.names.set("mail.contoso.com", [["2d00::1"], [it.canary.address]])
      for (const _ of [1, 2, 3]) expect(yield* register(undefined)).toBe(14)
      expect(it.lookups.filter((name) => name === "mail.contoso.com").length).toBeGreaterThan(1)
      untouched(it)
    })
  )

  scenario("14 or 16 for whatever Autodiscover, plain HTTP or DNS point there", (it) =>
    Effect.gen(function* () {
      const { address, port } = it.canary
      it.names.set("inside.example", [[address]]).set("autodiscover.inside.example", [[address]])
      let number = 0
      for (const name of [...spellings(address), ...FORBIDDEN, "inside.example"]) {
        for (const origin of [`http://${name}`, `https://${name}`, `https://${name}:${port}`]) {
          const there = `${origin}/autodiscover/autodiscover.xml`
          const ews = `${origin}/EWS/Exchange.asmx`
          for (const [svc, xml] of [
            [says(302, "", { location: there }), says(404)],
            [says(404), says(307, "", { location: there })],
            [says(200, soap({ code: "RedirectUrl", target: there })), says(404)],
            [says(404), says(200, poxRedirectUrl(there))],
            [says(200, soap({ code: "RedirectAddress", target: `ada@${name}` })), says(404)],
            [says(404), says(200, poxRedirectAddress(`ada@${name}`))],
            [says(200, soapEws(ews)), says(404)],
            [says(404), says(200, poxEws(ews))]
          ] as const) {
            const domain = `d${++number}.example`
            it.world.on(`https://${domain}/autodiscover/autodiscover.svc`, svc)
            it.world.on(`https://${domain}/autodiscover/autodiscover.xml`, xml)
            it.plain.set(`http://autodiscover.${domain}/autodiscover/autodiscover.xml`, there)
            it.srv.set(`_autodiscover._tcp.${domain}`, [
              { name, port: 443, priority: 0, weight: 0 },
              { name, port, priority: 0, weight: 0 }
            ])
            expect([14, 16], there).toContain(yield* register(undefined, `ada@${domain}`))
          }
        }
      }
      expect(it.world.requests.length).toBeGreaterThan(number)
      untouched(it)
    })
  )

  scenario(
    "14 for a listed EWS server that redirects there, and the redirect is not followed",
    (it) =>
      Effect.gen(function* () {
        const server = yield* scriptedServer
        for (const host of spellings(it.canary.address)) {
          for (const port of it.canary.ports) {
            for (const [scheme, status] of [
              ["http", 302],
              ["https", 307]
            ] as const) {
              server.script(say(status, "", { location: `${scheme}://${host}:${port}/EWS/Exchange.asmx` }))
              expect(yield* register(`${server.origin}/EWS/Exchange.asmx`)).toBe(14)
            }
          }
        }
        expect(server.requests.length).toBeGreaterThan(0)
        untouched(it)
      }),
    () => ({ ewsAllowedHosts: ["127.0.0.1"] })
  )

  scenario(
    "metadata services and link-local addresses are refused even where a list names them",
    (it) =>
      Effect.gen(function* () {
        for (const host of [
          "169.254.169.254",
          "[fe80::1]",
          "[fd00:ec2::254]",
          "100.100.100.200",
          "224.0.0.1"
        ]) {
          expect(yield* register(`https://${host}/EWS/Exchange.asmx`), host).toBe(35)
        }
        it.names.set("metadata.example", [["169.254.169.254"]])
        expect(yield* register("https://metadata.example/EWS/Exchange.asmx")).toBe(14)
        expect(it.lookups).toEqual(["metadata.example"])
      }),
    () => ({ ewsAllowedHosts: ["0.0.0.0/0", "::/0", "metadata.example"] })
  )
})
