import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import * as FencedPush from "../../../layers/ownership/FencedPush.ts"
import * as Ownership from "../../../layers/ownership/Ownership.ts"
import * as ConfiguredGateways from "../../../layers/push/ConfiguredGateways.ts"
import { Push } from "../../../layers/push/Push.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import * as CnsStub from "../../support/CnsStub.ts"
import { settingsOf } from "../../support/CryptoFixture.ts"
import { notification } from "../../support/Notifications.ts"
import { defaultPushSettings } from "../../support/PushSettings.ts"

const made = (some: Partial<SettingsShape>) =>
  ConfiguredGateways.make.pipe(
    Effect.provide(settingsOf(some)),
    Effect.provide(Layer.merge(LocalMasterKey.layerTest, MemoryStorage.layer)),
    Effect.scoped
  )

describe("the gateways that ENS_PUSH names", () => {
  it.effect("are one for both platforms, or one each", () =>
    Effect.gen(function* () {
      const both = yield* made({ push: { ios: "log", android: "log" } })
      expect(both.ios).toBe(both.android)
      const cns = { ...defaultPushSettings.cns, url: "https://cns.example.com/nws/notify/apns" }
      const two = yield* made({ push: { ios: "cns", android: "log" }, cns })
      expect([two.ios.name, two.android.name]).toEqual(["cns", "log"])
    })
  )

  it.effect("do not start without what they need, and say which setting is missing", () =>
    Effect.gen(function* () {
      const problem = (push: SettingsShape["push"]) =>
        Effect.map(Effect.flip(made({ push })), ({ message }) => message)
      expect(yield* problem({ ios: "log", android: "apns" })).toBe(
        "push gateway apns: it serves iOS only; name another gateway for Android, like ENS_PUSH=ios=apns,android=fcm"
      )
      expect(yield* problem({ ios: "apns", android: "log" })).toContain("ENS_APNS_KEY_FILE")
      expect(yield* problem({ ios: "sns", android: "log" })).toContain("ENS_SNS_PLATFORM_ARN_IOS")
      expect(yield* problem({ ios: "log", android: "fcm" })).toContain("ENS_FCM_SERVICE_ACCOUNT_FILE")
    })
  )

  it.effect("say that CNS gets unsigned requests", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => lines.push(message))
      )
      const cns = { ...defaultPushSettings.cns, url: "https://cns.example.com/" }
      yield* made({ push: { ios: "cns", android: "cns" }, cns }).pipe(Effect.provide(logger))
      expect(lines).toHaveLength(1)
      expect(String(lines[0])).toContain("unsigned")
    })
  )

  it.scopedLive("serve their platforms through the stage", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "ens-push-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true }))
      )
      const pushLogFile = join(folder, "push.log")
      const stub = yield* CnsStub.make()
      const settings = settingsOf({
        push: { ios: "cns", android: "log" },
        cns: { ...defaultPushSettings.cns, url: stub.url },
        pushLogFile
      })
      yield* Effect.gen(function* () {
        const push = yield* Push
        yield* push.send(notification(1))
        yield* push.send(notification(2, { platform: "Android" }))
        expect((yield* push.health).map((it) => it.gateway)).toEqual(["cns", "log"])
      }).pipe(
        Effect.provide(Layer.provide(FencedPush.layer, Ownership.layerAll)),
        Effect.provide(settings),
        Effect.provide(Layer.merge(LocalMasterKey.layerTest, MemoryStorage.layer))
      )
      expect(stub.delivered.map((it) => it.deviceToken)).toEqual(["token-1"])
      const lines = yield* Effect.promise(() => readFile(pushLogFile, "utf8"))
      expect(JSON.parse(lines)).toMatchObject({ deviceToken: "token-2", deviceType: "Android" })
    })
  )
})
