import { createPublicKey, generateKeyPairSync } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ApnsGateway from "../../../layers/push/ApnsGateway.ts"
import * as FcmGateway from "../../../layers/push/FcmGateway.ts"
import type { Gateway } from "../../../layers/push/Gateway.ts"
import * as SnsGateway from "../../../layers/push/SnsGateway.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import type { PerApp } from "../../../schemas/Settings.ts"
import { makeFcm } from "../../../src/sandbox/Fcm.ts"
import * as ApnsStub from "../../support/ApnsStub.ts"
import * as SnsStub from "../../support/SnsStub.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"

const tls = TestCertificate.make("127.0.0.1")
const all = (otherwise: string, apps: Record<string, string> = {}): PerApp => ({
  otherwise,
  apps: new Map(Object.entries(apps))
})
const probed = ({ probe }: Gateway) => probe ?? Effect.die("it has no probe")

describe("a probe of FCM", () => {
  const rsa = () =>
    generateKeyPairSync("rsa", { modulusLength: 2048 })
      .privateKey.export({ type: "pkcs8", format: "pem" })
      .toString()
  const asked = Effect.fnUntraced(function* (ours: string | undefined) {
    const key = rsa()
    const fcm = yield* makeFcm({ key, tls })
    const file = join(yield* temporaryDirectory, "account.json")
    writeFileSync(file, JSON.stringify({ ...fcm.serviceAccount, private_key: ours ?? key }))
    const gateway = yield* FcmGateway.make({
      settings: { serviceAccountFile: file, endpoint: fcm.url },
      tls: { ca: tls.cert }
    })
    return { fcm, gateway }
  })

  it.scopedLive("is a dry run, which no phone sees", () =>
    Effect.gen(function* () {
      const { fcm, gateway } = yield* asked(undefined)
      expect(yield* probed(gateway)).toMatchObject({
        outcome: "works",
        says: expect.stringContaining("service account of project ens-sandbox (dry run: accepted)")
      })
      expect(fcm.received()).toEqual([])
    })
  )

  it.scopedLive("takes a token that is none for the proof that the log-in is right", () =>
    Effect.gen(function* () {
      const { fcm, gateway } = yield* asked(undefined)
      yield* fcm.addFault({ kind: "reject", times: 1 })
      expect(yield* probed(gateway)).toMatchObject({ outcome: "works" })
    })
  )

  it.scopedLive("tells a service account that is refused from an FCM that is down", () =>
    Effect.gen(function* () {
      expect(yield* probed((yield* asked(rsa())).gateway)).toMatchObject({ outcome: "refused" })
      const { fcm, gateway } = yield* asked(undefined)
      yield* fcm.addFault({ kind: "unauthorized", times: 1 })
      expect(yield* probed(gateway)).toMatchObject({ outcome: "refused" })
      yield* fcm.down
      expect(yield* probed(gateway)).toMatchObject({ outcome: "down" })
    })
  )
})

describe("a probe of APNs", () => {
  const key = (directory: string, name: string) => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const file = join(directory, `${name}.p8`)
    writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }))
    return { file, key: createPublicKey(privateKey) }
  }
  const asked = Effect.fnUntraced(function* (apps: Record<string, string> = {}) {
    const directory = yield* temporaryDirectory
    const [known, stranger] = [key(directory, "known"), key(directory, "stranger")]
    const keys = { KEY1: { teamId: "TEAM1", key: known.key } }
    const apns = yield* ApnsStub.make({ tls, keys })
    const gateway = (keyFile: string) =>
      ApnsGateway.make({
        settings: {
          keyFile: all(keyFile, apps),
          keyId: all("KEY1"),
          teamId: all("TEAM1"),
          host: "127.0.0.1",
          port: apns.port
        },
        tls: { ca: tls.cert }
      })
    return { apns, known: yield* gateway(known.file), stranger: yield* gateway(stranger.file) }
  })

  it.scopedLive(
    "shows a token that Apple gives to no device: whether it is bad is only asked of those let in",
    () =>
      Effect.gen(function* () {
        const { apns, known } = yield* asked()
        apns.act = () => ({ status: 400, reason: "BadDeviceToken" })
        expect(yield* probed(known)).toEqual({
          outcome: "works",
          says: "APNs accepts the key (a made-up device token gets BadDeviceToken)"
        })
        expect(apns.requests.map(({ token }) => token)).toEqual(["0".repeat(64)])
      })
  )

  it.scopedLive("tells a key that is refused, and an APNs that is down", () =>
    Effect.gen(function* () {
      const { apns, known, stranger } = yield* asked()
      expect(yield* probed(stranger)).toMatchObject({
        outcome: "refused",
        says: expect.stringContaining("InvalidProviderToken")
      })
      apns.act = () => ({ status: 503, reason: "ServiceUnavailable" })
      expect(yield* probed(known)).toMatchObject({ outcome: "down" })
    })
  )

  it.scopedLive("minds an app that the key may not serve only where the settings name one", () =>
    Effect.gen(function* () {
      const { apns, known } = yield* asked()
      apns.act = () => ({ status: 400, reason: "TopicDisallowed" })
      expect(yield* probed(known)).toMatchObject({ outcome: "works" })
    })
  )
})

describe("a probe of SNS", () => {
  const APP = "arn:aws:sns:eu-central-1:123456789012:app"
  const asked = Effect.gen(function* () {
    const sns = yield* SnsStub.make({})
    const gateway = yield* SnsGateway.make({
      settings: {
        push: { ios: "sns", android: "sns" },
        sns: {
          region: undefined,
          endpoint: sns.url,
          ios: all(`${APP}/APNS/mail`),
          android: all(`${APP}/GCM/mail`)
        }
      },
      credentials: { accessKeyId: "AKIDTEST", secretAccessKey: "never in a reason" }
    }).pipe(Effect.provide(MemoryStorage.layer))
    return { sns, gateway }
  })

  it.scopedLive("looks at each platform application", () =>
    Effect.gen(function* () {
      const { gateway, sns } = yield* asked
      expect(yield* probed(gateway)).toMatchObject({ outcome: "works" })
      expect(sns.published).toEqual([])
      sns.act = () => SnsStub.failure(403, "InvalidClientTokenId")
      expect(yield* probed(gateway)).toMatchObject({ outcome: "refused" })
      sns.act = () => SnsStub.failure(404, "NotFound")
      expect(yield* probed(gateway)).toMatchObject({
        outcome: "refused",
        says: expect.stringContaining("has no platform application")
      })
      sns.act = () => SnsStub.failure(500, "InternalError")
      expect(yield* probed(gateway)).toMatchObject({ outcome: "down" })
    })
  )

  it.scopedLive("is content with an identity that may not look, but is known", () =>
    Effect.gen(function* () {
      const { gateway, sns } = yield* asked
      sns.act = () => SnsStub.failure(403, "AuthorizationError")
      expect(yield* probed(gateway)).toMatchObject({
        outcome: "works",
        says: expect.stringContaining("sns:GetPlatformApplicationAttributes")
      })
    })
  )
})
