import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import { Push } from "../../../layers/push/Push.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import type { TlsSettings } from "../../../schemas/Settings.ts"
import { certificateReport } from "../../../src/console/CertificateReport.ts"
import { settingsOf } from "../../support/CryptoFixture.ts"
import { defaultPushSettings } from "../../support/PushSettings.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { noTls, TlsFiles } from "../../support/TlsFiles.ts"

const DAY = 86_400_000
const PIN = "cd".repeat(32)

const report = (dataDir: string, tls: TlsSettings = noTls) =>
  certificateReport.pipe(
    Effect.provide(
      Layer.mergeAll(
        MemoryStorage.layer,
        Layer.mock(Push, { isUp: () => true, post: () => () => {}, health: Effect.succeed([]) }),
        settingsOf({ dataDir, tls, cns: { ...defaultPushSettings.cns, pins: [PIN] } })
      )
    )
  )

describe("What the console tells of certificates", () => {
  it.scopedLive("is when the own one ends, and which are pinned for CNS, from where", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const now = yield* Clock.currentTimeMillis
      const stored = { pin: "ab".repeat(32), from: "cns.example.com:443", subject: "CN=CNS", addedAt: 0 }
      writeFileSync(
        join(directory, "cns.pins.json"),
        JSON.stringify([{ ...stored, expiresAt: now + 20.5 * DAY }])
      )
      const { expiries, pins } = yield* report(directory, new TlsFiles(directory).make("own"))
      expect(expiries).toMatchObject([
        { what: "certificate pinned for CNS, from cns.example.com:443", days: 20, soon: true },
        { what: `own certificate (${join(directory, "own.crt")})`, days: 89, soon: false }
      ])
      expect(pins).toEqual([
        { of: "CNS", fingerprint: stored.pin, from: "ens pin add cns.example.com:443" },
        { of: "CNS", fingerprint: PIN, from: "ENS_CNS_PINS" }
      ])
    })
  )

  it.scopedLive("is what cannot be read, too, first of all", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      writeFileSync(join(directory, "cns.pins.json"), "nonsense")
      const certFile = join(directory, "none.crt")
      const { expiries } = yield* report(directory, { ...noTls, certFile, keyFile: certFile })
      expect(expiries).toEqual([
        { what: expect.stringContaining("none.crt"), at: null, days: null, soon: true },
        { what: expect.stringContaining("cns.pins.json is damaged"), at: null, days: null, soon: true }
      ])
    })
  )
})
