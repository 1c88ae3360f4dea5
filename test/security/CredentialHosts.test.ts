import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { ALICE, eventually, within } from "../e2e/Rehearsal.ts"
import { makeCanary } from "../support/Canary.ts"
import { startService } from "../support/ServiceFixture.ts"
import { besieged, makeClient, newToken, userIdOf } from "./Attack.ts"

const VICTIM = userIdOf(ALICE.address)
const CONTENT = { emailAddress: ALICE.address, username: ALICE.address, password: ALICE.password }
const STATUSES = [301, 302, 307, 308] as const

/**
 * An Exchange on 127.0.0.1, which the tenant lists, and an attacker's server on another loopback address, which counts
 * every connection and byte: no connection, no credential. What cannot be had without a DNS server of one's own (SRV
 * records, rebinding) is in test/layers/ews/Ssrf.test.ts.
 */
const besiegedBeside = Effect.fnUntraced(function* (
  settings: (exchange: { readonly attacker: string }) => Readonly<Record<string, string>> = () => ({})
) {
  const attacker = yield* makeCanary
  const world = yield* besieged(4, { settings: settings({ attacker: attacker.address }) })
  yield* startService(world.installation)
  const at = new URL(world.exchange.url)
  const evil = (path = "/EWS/Exchange.asmx", before = "") =>
    attacker.ports.flatMap((port) =>
      ["http", "https"].map((scheme) => `${scheme}://${before}${attacker.address}:${port}${path}`)
    )
  const untouched = () => expect([attacker.visits(), attacker.bytes()]).toEqual([0, 0])
  return { ...world, at, attacker, evil, untouched, client: makeClient(world.installation, world.apiToken) }
})

describe("an attacker's server gets no credential, and not even a connection,", () => {
  it.scopedLive("from a device's EWS URL, however it is written: 35", () =>
    Effect.gen(function* () {
      const { at, client, evil, exchange, untouched } = yield* besiegedBeside()
      const key = yield* client.keyOf(VICTIM)
      expect(key).toMatch(/^MII/)
      const urls = [
        ...evil(),
        ...evil("/EWS/Exchange.asmx", `${at.host}@`),
        ...evil("/EWS/Exchange.asmx", "user:password@"),
        ...evil(`/EWS/Exchange.asmx#@${at.host}/`),
        ...evil(`/?@${at.host}/EWS/Exchange.asmx`),
        ...evil().map((url) => url.replace("//", "\\\\")),
        "http://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/EWS/Exchange.asmx",
        "https://metadata.google.internal/computeMetadata/v1"
      ]
      for (const ewsUrl of urls) {
        const { code } = yield* client.register(VICTIM, newToken(), CONTENT, { ewsUrl })
        // What is no URL at all is 32.
        expect([32, 35], ewsUrl).toContain(code)
      }
      expect(exchange.requests()).toEqual([])
      untouched()
    })
  )

  it.scopedLive("from redirects of the Exchange that is listed, before and after a log-in", () =>
    Effect.gen(function* () {
      const { at, client, evil, exchange, untouched } = yield* besiegedBeside()
      const locations = [
        ...evil(),
        ...evil("/EWS/Exchange.asmx", `${at.host}@`),
        ...evil().map((url) => url.slice(url.indexOf("//"))),
        `http://user:password@${at.host}/EWS/Exchange.asmx`.replace("127.0.0.1", "localhost"),
        "http://169.254.169.254/EWS/Exchange.asmx"
      ]
      let number = 0
      for (const location of locations) {
        for (const beforeLogIn of [true, false]) {
          const status = STATUSES[number++ % STATUSES.length] ?? 302
          yield* exchange.addFault({ kind: "redirect", location, status, beforeLogIn, times: 1 })
          const { code } = yield* client.register(VICTIM, newToken(), CONTENT, { ewsUrl: exchange.url })
          expect(code, `${status} to ${location}`).toBe(14)
          yield* exchange.clearFaults
        }
      }
      expect(exchange.requests().length).toBeGreaterThanOrEqual(number)
      untouched()
    })
  )

  it.scopedLive("from a redirect while the log-in of a callback URL is used: the mail goes out bare", () =>
    Effect.gen(function* () {
      const { cns, evil, exchange, mail, phone, shown, untouched } = yield* besiegedBeside()
      const iphone = yield* phone("iOS")
      expect((yield* iphone.register()).responseCode).toBe(7)
      for (const [number, location] of evil().entries()) {
        yield* exchange.addFault({
          kind: "redirect",
          location,
          status: STATUSES[number % STATUSES.length] ?? 302,
          beforeLogIn: number % 2 === 0
        })
      }
      yield* mail("For Alice alone")
      yield* within(
        cns.until(() => shown(iphone).length > 0),
        "the mail",
        20
      )
      expect(JSON.stringify(cns.received())).not.toContain("For Alice alone")
      untouched()
    })
  )

  it.scopedLive("from what Autodiscover answers, in each of its protocols", () =>
    Effect.gen(function* () {
      const attacker = yield* makeCanary
      const world = yield* besieged(4)
      const { exchange, installation } = world
      const unlistedToken = yield* installation.createToken(undefined, "unlisted")
      const settings = {
        ENS_EWS_ALLOWED_HOSTS: "127.0.0.1",
        ENS_AUTODISCOVER_URLS: exchange.autodiscoverUrl
      }
      yield* startService({ ...installation, environment: { ...installation.environment, ...settings } })
      const client = makeClient(installation, unlistedToken)
      const register = client.register(VICTIM, newToken(), CONTENT)
      for (const port of attacker.ports) {
        for (const scheme of ["http", "https"]) {
          const there = `${scheme}://${attacker.address}:${port}`
          const faults = [
            { kind: "redirect", location: `${there}/autodiscover/autodiscover.xml` },
            { kind: "redirectUrl", url: `${there}/autodiscover/autodiscover.xml` },
            { kind: "redirectAddr", address: `alice@${attacker.address}` },
            { kind: "settings", ewsUrl: `${there}/EWS/Exchange.asmx` }
          ] as const
          for (const fault of faults) {
            yield* exchange.addAutodiscoverFault(fault)
            expect([14, 16], JSON.stringify(fault)).toContain((yield* register).code)
            yield* exchange.clearFaults
          }
        }
      }
      expect([attacker.visits(), attacker.bytes()]).toEqual([0, 0])
      // The control: the same Autodiscover without lies leads to Exchange.
      expect((yield* register).code).toBe(7)
    })
  )

  it.scopedLive("unless the operator lists it: the control", () =>
    Effect.gen(function* () {
      const { attacker, client, evil } = yield* besiegedBeside(({ attacker: address }) => ({
        ENS_EWS_ALLOWED_HOSTS: address
      }))
      const ewsUrl = evil().at(-2) ?? ""
      yield* Effect.raceFirst(
        client.register(VICTIM, newToken(), CONTENT, { ewsUrl }),
        eventually(() => attacker.bytes() > 0, "a byte")
      )
      expect(attacker.visits()).toBeGreaterThan(0)
    })
  )
})
