import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { type DeviceOptions, makeDevice } from "../../src/sandbox/Device.ts"
import { makeExchange } from "../../src/sandbox/Exchange.ts"
import { makeCanary } from "../support/Canary.ts"
import { makeInstallation } from "../support/Installation.ts"
import { startService } from "../support/ServiceFixture.ts"
import { ALICE, MALLORY } from "./Rehearsal.ts"

/** A service whose tenant lists no URL. */
const world = Effect.fnUntraced(function* (
  settings: (autodiscoverUrl: string) => Readonly<Record<string, string>>
) {
  const exchange = yield* makeExchange({ mailboxes: [ALICE, MALLORY] })
  const installation = yield* makeInstallation({ ENS_PUSH: "log", ...settings(exchange.autodiscoverUrl) })
  const apiToken = yield* installation.createToken(undefined)
  yield* startService(installation)
  const phone = (user: typeof ALICE, more: Partial<DeviceOptions> = {}) =>
    makeDevice({
      baseUrl: installation.baseUrl,
      apiToken,
      address: user.address,
      login: { username: user.address, password: user.password },
      platform: "iOS",
      registersAgain: false,
      ...more
    })
  const asked = () =>
    Object.entries(exchange.operations())
      .filter(([name]) => name.startsWith("Autodiscover"))
      .reduce((sum, [, count]) => sum + count, 0)
  return { exchange, installation, phone, asked }
})

describe("a mailbox whose URL nobody names", () => {
  it.scopedLive("is found by Autodiscover at the operator's listed host, once for all of the domain", () =>
    Effect.gen(function* () {
      const { asked, exchange, installation, phone } = yield* world((url) => ({
        ENS_EWS_ALLOWED_HOSTS: "127.0.0.1",
        ENS_AUTODISCOVER_URLS: url
      }))
      yield* exchange.addAutodiscoverFault({ kind: "error", code: 600, times: 2 })
      const alice = yield* phone(ALICE)
      const refused = yield* alice.register()
      expect([refused.responseCode, refused.errorMessage]).toEqual([
        16,
        expect.stringContaining("Unable to determine the Exchange version after autodiscovery.")
      ])

      yield* exchange.addAutodiscoverFault({ kind: "busy", times: 1 })
      expect(yield* alice.register()).toMatchObject({
        status: 409,
        responseCode: 14,
        errorMessage: "The Autodiscover service couldn't be located.",
        retryAfterSeconds: 60
      })

      expect((yield* alice.register()).responseCode).toBe(7)
      const before = asked()
      expect((yield* (yield* phone(MALLORY)).register()).responseCode).toBe(7)
      expect(asked()).toBe(before)
      const log = installation.log()
      expect(log).toMatch(/Autodiscover found the EWS host 127\.0\.0\.1:\d+ \(SOAP at 127\.0\.0\.1:\d+/)
      expect(log.toLowerCase()).not.toContain(ALICE.address)
    })
  )

  it.scopedLive("costs two failed log-ins at most, however many services refuse them", () =>
    Effect.gen(function* () {
      const { exchange, phone } = yield* world((url) => ({
        ENS_EWS_ALLOWED_HOSTS: "127.0.0.1,localhost",
        ENS_AUTODISCOVER_URLS: [url, url.replace("127.0.0.1", "localhost"), `${url}?again`].join(",")
      }))
      const alice = yield* phone(ALICE, { login: { username: ALICE.address, password: "wrong" } })
      expect((yield* alice.register()).responseCode).toBe(14)
      expect(exchange.failedLogins(ALICE.address)).toBeGreaterThan(0)
      expect(exchange.failedLogins(ALICE.address)).toBeLessThanOrEqual(2)
    })
  )
})

describe("hosts that nobody listed", () => {
  it.scopedLive("are not reached from a device's registration, and devices learn nothing of them", () =>
    Effect.gen(function* () {
      const canary = yield* makeCanary
      const { exchange, phone } = yield* world(() => ({}))
      const { address, port } = canary
      const port443 = `${address}/EWS/Exchange.asmx`
      for (const ewsUrl of [
        exchange.url,
        `http://${address}:${port}/EWS/Exchange.asmx`,
        `https://${address}:${port}/EWS/Exchange.asmx`,
        `https://${port443}`,
        `https://[::ffff:${port443.replace("/", "]/")}`,
        "https://[::1]/EWS/Exchange.asmx",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/EWS/Exchange.asmx",
        "https://2130706433/EWS/Exchange.asmx",
        "https://0x7f000001/EWS/Exchange.asmx",
        "https://localhost/EWS/Exchange.asmx"
      ]) {
        expect(yield* (yield* phone(ALICE, { ewsUrl })).register(), ewsUrl).toMatchObject({
          status: 409,
          responseCode: 35
        })
      }

      // These go as far as Autodiscover, so they are answered late; all at once, to wait only once.
      const addresses = ["localhost", address, "x.localhost", "contoso.invalid", "intranet"]
      const answers = yield* Effect.forEach(
        addresses,
        (domain) =>
          Effect.gen(function* () {
            const device = yield* phone({ ...ALICE, address: `alice@${domain}` })
            const [took, answer] = yield* Effect.timed(device.register())
            return { domain, answer, took }
          }),
        { concurrency: "unbounded" }
      )
      for (const { answer, domain, took } of answers) {
        expect(answer, domain).toMatchObject({ status: 409, responseCode: 14, retryAfterSeconds: 60 })
        expect(Duration.toMillis(took), domain).toBeGreaterThan(7_900)
      }
      expect(new Set(answers.map(({ answer }) => answer.errorMessage)).size).toBe(1)
      expect([canary.visits(), canary.bytes(), exchange.failedLogins(ALICE.address)]).toEqual([0, 0, 0])
    })
  )
})
