import { statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted, TestClock } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import * as CnsCertificateFile from "../../../layers/push/CnsCertificateFile.ts"
import * as CnsPins from "../../../layers/push/CnsPins.ts"
import * as CnsSetup from "../../../layers/push/CnsSetup.ts"
import * as Prometheus from "../../../layers/telemetry/Prometheus.ts"
import { type CnsSettings, Settings } from "../../../schemas/Settings.ts"
import { cnsCertificate } from "../../support/CnsClient.ts"
import { configXml, P12_PASSWORD, p12 } from "../../support/CnsConfigXml.ts"
import * as CnsStub from "../../support/CnsStub.ts"
import { settingsOf } from "../../support/CryptoFixture.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { notification } from "../../support/Notifications.ts"
import { defaultPushSettings } from "../../support/PushSettings.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"

const DAY = 86_400_000
const ENDS = Date.UTC(2049, 0, 1)

/** A data directory, and a way to make the gateway of these settings there and tell what the log said. */
const prepared = Effect.gen(function* () {
  const dataDir = yield* temporaryDirectory
  const lines: Array<LogRecorder.LogLine> = []
  const make = (cns: Partial<CnsSettings> = {}) =>
    Effect.flatMap(Settings, CnsSetup.make).pipe(
      Effect.provide(settingsOf({ dataDir, cns: { ...defaultPushSettings.cns, ...cns } })),
      Effect.provide(LogRecorder.layer(lines))
    )
  const warnings = () => lines.filter(({ level }) => level === "WARN").map(({ text }) => text)
  const write = (name: string, content: string | Buffer) => {
    const file = join(dataDir, name)
    writeFileSync(file, content)
    return file
  }
  return { dataDir, make, warnings, write }
})

const pin = (digits: string, expiresAt = ENDS) => ({
  pin: digits.repeat(32),
  from: "cns.example.com:443",
  subject: "CN=cns",
  expiresAt,
  addedAt: 0
})

/** Who signed what arrived, by the log of the signer. */
const signer = Effect.fnUntraced(function* (cns: Partial<CnsSettings>) {
  const { dataDir, make } = yield* prepared
  yield* CnsCertificateFile.write(dataDir, cnsCertificate("stored").certificate)
  const stub = yield* CnsStub.make()
  const gateway = yield* make({ url: stub.url, ...cns })
  const lines: Array<LogRecorder.LogLine> = []
  yield* gateway.send([notification(1)]).pipe(Effect.provide(LogRecorder.layer(lines)))
  expect(stub.requests[0]?.headers.authorization).toMatch(/^CMSURL`1 /)
  return /with Cert \[CN=(.*?)\]/.exec(lines.map(({ text }) => text).join("\n"))?.[1]
})

const password = Redacted.make(P12_PASSWORD)
const cms = { separator: "`1", digest: "sha1" } as const

describe("the certificate for CNS", () => {
  it.scopedLive("is the settings' (file or config.xml), else the one that ens init has stored", () =>
    Effect.gen(function* () {
      const { write } = yield* prepared
      const certFile = write("cns.p12", p12("file"))
      const configFile = write("config.xml", configXml(p12("config", "legacy")))
      expect(yield* signer({ cms, certFile, certPassword: password })).toBe("file")
      expect(yield* signer({ cms, configFile, certPassword: password })).toBe("config")
      expect(yield* signer({ cms })).toBe("stored")
    }).pipe(Effect.provide(LocalMasterKey.layerTest))
  )

  it.scoped("stops the start if it is configured and cannot be read", () =>
    Effect.gen(function* () {
      const { dataDir, make } = yield* prepared
      const missing = join(dataDir, "none.p12")
      expect((yield* Effect.flip(make({ certFile: missing }))).message).toBe(
        `push gateway cns: there is no file ${missing}; ENS_CNS_CERT_FILE must name the console's config.xml or a PKCS#12 file`
      )
      yield* CnsCertificateFile.write(dataDir, cnsCertificate().certificate).pipe(
        Effect.provide(LocalMasterKey.layerTest)
      )
      expect((yield* Effect.flip(make())).message).toContain("cannot be opened by this master key; remove it")
    }).pipe(Effect.provide(LocalMasterKey.layerTest))
  )

  it.scoped("is warned of from 30 days before its end, every day, and its end is a metric", () =>
    Effect.gen(function* () {
      const { dataDir, make, warnings } = yield* prepared
      yield* CnsCertificateFile.write(dataDir, cnsCertificate().certificate)
      yield* TestClock.setTime(ENDS - 32 * DAY)
      yield* make()
      expect(warnings()).toEqual([])
      expect(yield* Prometheus.scrape).toContain(
        `ens_certificate_expiry_timestamp_seconds{what="cns"} ${ENDS / 1000}\n`
      )
      yield* TestClock.adjust(DAY)
      expect(warnings()).toEqual([])
      yield* TestClock.adjust(2 * DAY)
      expect(warnings()).toHaveLength(2)
      expect(warnings()[0]).toContain(
        "The CNS certificate [CN=AW Cloud Notification - test] expires on 2049-01-01: download config.xml"
      )
      yield* TestClock.adjust(30 * DAY)
      expect(warnings().at(-1)).toContain("expired on 2049-01-01")
    }).pipe(Effect.provide(LocalMasterKey.layerTest))
  )

  it.scoped("is only warned of when it has ended: the clock may be wrong", () =>
    Effect.gen(function* () {
      const { dataDir, make, warnings } = yield* prepared
      yield* CnsCertificateFile.write(dataDir, cnsCertificate().certificate)
      yield* TestClock.setTime(ENDS + DAY)
      yield* make()
      expect(warnings()).toEqual([expect.stringContaining("expired on 2049-01-01")])
    }).pipe(Effect.provide(LocalMasterKey.layerTest))
  )
})

describe("pins of CNS", () => {
  it.scopedLive("are those of the settings and those of ens pin together", () =>
    Effect.gen(function* () {
      const { dataDir, make, write } = yield* prepared
      const server = TestCertificate.make("127.0.0.1")
      const stub = yield* CnsStub.make({ tls: server })
      const cns = { url: stub.url, caFile: write("ca.pem", server.cert) }
      const outcome = (pins: ReadonlyArray<string>) =>
        Effect.flatMap(make({ ...cns, pins }), (gateway) => gateway.send([notification(1)])).pipe(
          Effect.map(([verdict]) => verdict)
        )
      expect(yield* outcome([])).toMatchObject({ _tag: "Delivered" })
      yield* CnsPins.write(dataDir, [pin("ab")])
      const refused = yield* outcome([])
      expect(refused).toMatchObject({ _tag: "GatewayDown" })
      const [, key = ""] = /of its key ([0-9a-f]{64})/.exec(JSON.stringify(refused)) ?? []
      expect(yield* outcome([key])).toMatchObject({ _tag: "Delivered" })
      yield* CnsPins.write(dataDir, [pin("ab"), { ...pin("cd"), pin: key }])
      expect(yield* outcome([])).toMatchObject({ _tag: "Delivered" })
      expect(stub.requests).toHaveLength(3)
    }).pipe(Effect.provide(LocalMasterKey.layerTest))
  )

  it.scoped("are warned of when the last of them nears its end", () =>
    Effect.gen(function* () {
      const { dataDir, make, warnings } = yield* prepared
      yield* CnsCertificateFile.write(dataDir, cnsCertificate().certificate)
      yield* CnsPins.write(dataDir, [pin("ab", 10 * DAY), pin("cd", 40 * DAY)])
      yield* make()
      expect(warnings()).toEqual([])
      expect(yield* Prometheus.scrape).toContain(
        `ens_certificate_expiry_timestamp_seconds{what="cns_pin"} ${(40 * DAY) / 1000}\n`
      )
      yield* TestClock.adjust(11 * DAY)
      expect(warnings()[0]).toContain("The last certificate that is pinned for CNS expires on 1970-02-10")
    }).pipe(Effect.provide(LocalMasterKey.layerTest))
  )

  it.scoped("stop the start if they cannot be read: that must not mean none", () =>
    Effect.gen(function* () {
      const { make, write } = yield* prepared
      write("cns.pins.json", "[")
      expect((yield* Effect.flip(make())).message).toContain("is damaged; repair or remove it")
    }).pipe(Effect.provide(LocalMasterKey.layerTest))
  )

  it.scoped("are kept in a file of this account alone", () =>
    Effect.gen(function* () {
      const { dataDir } = yield* prepared
      yield* CnsPins.write(dataDir, [pin("ab")])
      expect(statSync(CnsPins.pinsFile(dataDir)).mode & 0o777).toBe(0o600)
      expect(yield* CnsPins.read(dataDir)).toEqual([pin("ab")])
    })
  )
})

describe("the way to CNS", () => {
  it.scoped("stops the start if it is misdescribed, without repeating a password", () =>
    Effect.gen(function* () {
      const { make, write } = yield* prepared
      const caFile = write("ca.pem", "hello")
      expect((yield* Effect.flip(make({ caFile }))).message).toMatch(
        /^push gateway cns: ENS_CNS_CA_FILE: .*ca\.pem holds no certificate/
      )
      const proxyUrl = Redacted.make("http://user:100%secret@proxy:3128")
      const { message } = yield* Effect.flip(make({ proxyUrl }))
      expect(message).toMatch(/^push gateway cns: ENS_CNS_PROXY_URL: a % in/)
      expect(message).not.toContain("secret")
    }).pipe(Effect.provide(LocalMasterKey.layerTest))
  )
})
