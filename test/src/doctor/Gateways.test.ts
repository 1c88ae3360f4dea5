import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { gateways } from "../../../src/doctor/checks/Gateways.ts"
import { type CnsOptions, makeCns } from "../../../src/sandbox/Cns.ts"
import { selfMade } from "../../../src/sandbox/SelfMadeCertificate.ts"
import { makeSns, SANDBOX_ARNS } from "../../../src/sandbox/Sns.ts"
import { P12_PASSWORD, p12 } from "../../support/CnsConfigXml.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { TlsFiles } from "../../support/TlsFiles.ts"
import { faults, installation, lines, look } from "./Clinic.ts"

const tls = selfMade(["127.0.0.1"], 300)

/** A CNS, and the settings that lead there. */
const withCns = Effect.fnUntraced(function* (
  options: CnsOptions = {},
  more: Readonly<Record<string, string>> = {}
) {
  const cns = yield* makeCns(options)
  const caFile = join(yield* temporaryDirectory, "ca.pem")
  writeFileSync(caFile, tls.cert)
  const settings = yield* installation({
    ENS_PUSH: "cns",
    ENS_CNS_URL: cns.url,
    ...(options.tls === undefined ? {} : { ENS_CNS_CA_FILE: caFile }),
    ...more
  })
  return { cns, settings }
})

describe("CNS", () => {
  it.scopedLive("that takes our requests is told, and no phone gets anything", () =>
    Effect.gen(function* () {
      const { cns, settings } = yield* withCns({ tls })
      const text = yield* lines(settings, gateways)
      expect(text).not.toContain("✖")
      expect(text).toMatch(/✔ TLS 127\.0\.0\.1:\d+: trusted, no pins/)
      expect(text).toContain("– push cns: no CNS certificate is configured")
      expect(text).toMatch(/✔ push cns: CNS at \S+ takes a request that is not signed without notifications/)
      expect(cns.received()).toEqual([])
      expect(cns.requests().map(({ notifications }) => notifications)).toEqual([0])
    })
  )

  it.scopedLive("that does not trust our signature (401, code 2007) is gateway-log-in-refused", () =>
    Effect.gen(function* () {
      const { cns, settings } = yield* withCns()
      yield* cns.addFault({ kind: "unauthorized" })
      const found = yield* look(settings, gateways)
      expect(faults(found)).toEqual(["gateway-log-in-refused"])
      expect(found.at(-1)?.says).toContain("2007")
      expect(found.at(-1)?.cure).toContain("ens init --config-xml")
    })
  )

  it.scopedLive("that is down, or fails, is gateway-down", () =>
    Effect.gen(function* () {
      const { cns, settings } = yield* withCns()
      yield* cns.addFault({ kind: "status", status: 500, times: 1 })
      expect(faults(yield* look(settings, gateways))).toEqual(["gateway-down"])
      yield* cns.down
      expect(faults(yield* look(settings, gateways))).toEqual(["gateway-down"])
    })
  )

  it.scopedLive(
    "with another certificate than the pinned one is pin-mismatch, with one nobody knows not trusted",
    () =>
      Effect.gen(function* () {
        const pinned = yield* withCns({ tls }, { ENS_CNS_PINS: "ab".repeat(32) })
        expect(faults(yield* look(pinned.settings, gateways))).toEqual(["pin-mismatch"])
        const cns = yield* makeCns({ tls })
        const settings = yield* installation({ ENS_PUSH: "cns", ENS_CNS_URL: cns.url })
        expect(faults(yield* look(settings, gateways))).toEqual(["certificate-not-trusted"])
        expect(cns.requests()).toEqual([])
      })
  )

  it.scopedLive.skipIf(TlsFiles.missing)(
    "gets a signed request when there is a certificate, whose end is told",
    () =>
      Effect.gen(function* () {
        const certFile = join(yield* temporaryDirectory, "cns.p12")
        writeFileSync(certFile, p12())
        const { cns, settings } = yield* withCns(
          {},
          { ENS_CNS_CERT_FILE: certFile, ENS_CNS_CERT_PASSWORD: P12_PASSWORD }
        )
        const text = yield* lines(settings, gateways)
        expect(text).toMatch(/push cns: our certificate (is valid until|expires on|expired on) \d{4}/)
        expect(text).toContain("takes a signed request")
        expect(text).not.toContain(P12_PASSWORD)
        expect(cns.requests().map(({ signed }) => signed)).toEqual([true])
      })
  )
})

describe("other gateways", () => {
  it.scopedLive("that miss something are told as the service would", () =>
    Effect.gen(function* () {
      const settings = yield* installation({ ENS_PUSH: "ios=apns,android=fcm" })
      const text = yield* lines(settings, gateways)
      expect(text).toMatch(/✖ push apns: .*ENS_APNS_KEY_FILE/)
      expect(text).toMatch(/✖ push fcm: .*ENS_FCM_SERVICE_ACCOUNT_FILE/)
    })
  )

  it.scopedLive("of AWS are asked for their platform applications", () =>
    Effect.gen(function* () {
      const sns = yield* makeSns()
      const settings = yield* installation({
        ENS_PUSH: "sns",
        ENS_SNS_ENDPOINT: sns.url,
        ENS_SNS_PLATFORM_ARN_IOS: SANDBOX_ARNS.ios,
        ENS_SNS_PLATFORM_ARN_ANDROID: SANDBOX_ARNS.android
      })
      yield* awsCredentials
      expect(yield* lines(settings, gateways)).toMatch(
        /^✔ push sns: .*platform applications are enabled \(2\)$/
      )
      yield* sns.down
      expect(faults(yield* look(settings, gateways))).toEqual(["gateway-down"])
    })
  )

  it.scopedLive("that are a log are no gateway for phones", () =>
    Effect.gen(function* () {
      expect(yield* lines(yield* installation(), gateways)).toContain(
        "✔ push log: notifications for iOS and Android"
      )
    })
  )
})

/** In the environment, where the AWS SDK looks first. */
const awsCredentials = Effect.acquireRelease(
  Effect.sync(() => {
    process.env["AWS_ACCESS_KEY_ID"] = "AKIDTEST"
    process.env["AWS_SECRET_ACCESS_KEY"] = "test-secret"
  }),
  () =>
    Effect.sync(() => {
      delete process.env["AWS_ACCESS_KEY_ID"]
      delete process.env["AWS_SECRET_ACCESS_KEY"]
    })
)
