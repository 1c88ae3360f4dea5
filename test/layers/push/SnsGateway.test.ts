import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, Scope } from "effect"
import * as SnsGateway from "../../../layers/push/SnsGateway.ts"
import { REFUSALS_ORDINARY } from "../../../layers/push/TokenRefusals.ts"
import * as MemoryStorage from "../../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { type PushNotification, type PushTarget, Verdict } from "../../../schemas/Push.ts"
import type { PerApp } from "../../../schemas/Settings.ts"
import { layerFaulty, StorageFaults } from "../../support/FaultyStorage.ts"
import { notification } from "../../support/Notifications.ts"
import * as SnsStub from "../../support/SnsStub.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"
import { addSubscriber, addTenant } from "../storage/Samples.ts"
import { BAD_TOKEN, gatewaySuite, type Rig, type Trouble } from "./GatewaySuite.ts"

const APP = "arn:aws:sns:eu-central-1:123456789012:app"
const IOS = `${APP}/APNS/mail`
const ANDROID = `${APP}/GCM/mail`
const credentials = { accessKeyId: "AKIDTEST", secretAccessKey: "never in a reason" }

const only = (otherwise: string): PerApp => ({ otherwise, apps: new Map() })

const settingsOf = (endpoint: string | undefined, ios = only(IOS), android = only(ANDROID)) => ({
  push: { ios: "sns", android: "sns" } as const,
  sns: { region: undefined, endpoint, ios, android }
})

const made = (options: Partial<SnsGateway.SnsOptions> & Pick<SnsGateway.SnsOptions, "settings">) =>
  SnsGateway.make({ credentials, ...options })

/** What is asked about a notification to the bad token. */
const aboutBadToken = (stub: SnsStub.SnsStub, { action, form }: SnsStub.SnsRequest) =>
  action === "Publish" && stub.endpoints.get(form.get("TargetArn") ?? "")?.token === BAD_TOKEN

const ACTS: { readonly [T in Trouble]?: (stub: SnsStub.SnsStub) => SnsStub.SnsStub["act"] } = {
  throttled: () => () => SnsStub.failure(400, "Throttled", "Rate exceeded", { "retry-after": "7" }),
  "server error": () => () => SnsStub.failure(500, "InternalError"),
  silent: () => () => "silence",
  "connection cut": () => () => "cut",
  "malformed answer": () => () => ({ body: "<html>Log in to the guest network</html>" }),
  "endless answer": () => () => ({ body: `<a>${" ".repeat(1_000_000)}</a>` }),
  unauthorized: () => () => SnsStub.failure(403, "InvalidClientTokenId"),
  "refuses one token": (stub) => (request) =>
    aboutBadToken(stub, request)
      ? SnsStub.failure(400, "InvalidParameter", `Invalid parameter: ${BAD_TOKEN}`)
      : undefined,
  "dead token": (stub) => (request) =>
    aboutBadToken(stub, request) ? SnsStub.failure(400, "EndpointDisabled") : undefined
}

const seen = (stub: SnsStub.SnsStub) =>
  stub.published.map(({ kind, message, token }) => ({
    deviceToken: token,
    deviceType: kind === "GCM" ? "Android" : "iOS",
    payload:
      kind === "GCM"
        ? (message as { fcmV1Message: { message: { data: unknown } } }).fcmV1Message.message.data
        : message
  }))

const rigOf = (gateway: Rig["gateway"], stub: SnsStub.SnsStub): Rig => ({
  gateway,
  arrived: Effect.sync(() => seen(stub)),
  heal: Effect.sync(() => {
    stub.act = () => undefined
  })
})

const acting = Effect.fnUntraced(function* (trouble: Trouble | undefined) {
  const stub = yield* SnsStub.make()
  const act = trouble && ACTS[trouble]
  if (act) stub.act = act(stub)
  const timeout = trouble === "silent" ? 300 : 10_000
  return rigOf(yield* made({ settings: settingsOf(stub.url), timeout }), stub)
})

const refusing = Effect.gen(function* () {
  const port = yield* freePort
  const gateway = yield* made({ settings: settingsOf(`http://127.0.0.1:${port}/`) })
  let stub: SnsStub.SnsStub | undefined
  const scope = yield* Effect.scope
  return {
    gateway,
    arrived: Effect.sync(() => (stub ? seen(stub) : [])),
    heal: SnsStub.make({ port }).pipe(
      Effect.tap((it) => {
        stub = it
      }),
      Effect.provideService(Scope.Scope, scope),
      Effect.asVoid
    )
  }
})

const distrusting = Effect.gen(function* () {
  const known = TestCertificate.make("127.0.0.1")
  const stub = yield* SnsStub.make({ tls: TestCertificate.make("127.0.0.1") })
  const gateway = yield* made({ settings: settingsOf(stub.url), tls: { ca: known.cert } })
  return { ...rigOf(gateway, stub), heal: Effect.sync(() => stub.present(known)) }
})

const freePort = Effect.promise(async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
})

gatewaySuite(
  "sns",
  [...(Object.keys(ACTS) as Array<Trouble>), "refused connection", "untrusted certificate"],
  (trouble) =>
    (trouble === "refused connection"
      ? refusing
      : trouble === "untrusted certificate"
        ? distrusting
        : acting(trouble)
    ).pipe(Effect.provide(MemoryStorage.layer))
)

const started = Effect.fnUntraced(function* (
  options: { readonly ios?: PerApp; readonly android?: PerApp; readonly timeout?: number } = {}
) {
  const stub = yield* SnsStub.make()
  const { android, ios, ...more } = options
  const gateway = yield* made({ settings: settingsOf(stub.url, ios, android), ...more })
  const sendTo = (target: Partial<PushTarget>, more: Partial<PushNotification> = {}) => {
    const it = notification(1, more)
    return Effect.map(gateway.send([{ ...it, target: { ...it.target, ...target } }]), ([verdict]) => verdict)
  }
  const actions = () => stub.requests.map(({ action }) => action)
  return { stub, gateway, sendTo, actions }
})

const memory = <A, E>(body: Effect.Effect<A, E, Storage | Scope.Scope>) =>
  body.pipe(Effect.scoped, Effect.provide(MemoryStorage.layer))

const delivered = Verdict.Delivered()
const dead = Verdict.TokenDead({ since: undefined })
const downSaying = (text: string) =>
  expect.objectContaining({ _tag: "GatewayDown", reason: expect.stringContaining(text) })

describe("what goes to SNS", () => {
  it.live("tells Apple all it must know", () =>
    memory(
      Effect.gen(function* () {
        const { sendTo, stub } = yield* started()
        const expiresAt = Date.now() + 3_600_000
        yield* sendTo({}, { expiresAt })
        yield* sendTo({}, { expiresAt, kind: "resubscribe", priority: "normal", id: "id-2" })
        const [mail, silent] = stub.published
        expect(mail?.attributes).toMatchObject({
          "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "alert",
          "AWS.SNS.MOBILE.APNS.PRIORITY": "10",
          "AWS.SNS.MOBILE.APNS.TOPIC": "com.example.mail",
          "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": "id-1"
        })
        const ttl = Number(mail?.attributes["AWS.SNS.MOBILE.APNS.TTL"])
        expect(ttl).toBeGreaterThan(3_000)
        expect(ttl).toBeLessThanOrEqual(3_600)
        expect(silent?.attributes).toMatchObject({
          "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "background",
          "AWS.SNS.MOBILE.APNS.PRIORITY": "5",
          "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": "id-2"
        })
        expect(stub.requests.find(({ action }) => action === "CreatePlatformEndpoint")?.form).not.toContain(
          "CustomUserData"
        )
      })
    )
  )

  it.live("goes to Apple's sandbox through a platform application of that kind", () =>
    memory(
      Effect.gen(function* () {
        const { sendTo, stub } = yield* started({ ios: only(`${APP}/APNS_SANDBOX/mail`) })
        expect(yield* sendTo({ environment: "sandbox" })).toEqual(delivered)
        const [published] = stub.published
        expect(published?.kind).toBe("APNS_SANDBOX")
        expect(published?.attributes).toHaveProperty(["AWS.SNS.MOBILE.APNS_SANDBOX.TTL"])
        expect(published?.attributes).toHaveProperty(["AWS.SNS.MOBILE.APNS.TOPIC"])
        expect(published?.attributes).not.toHaveProperty(["AWS.SNS.MOBILE.APNS.TTL"])
      })
    )
  )

  it.live("is FCM's own message for Android", () =>
    memory(
      Effect.gen(function* () {
        const { gateway, stub } = yield* started()
        const expiresAt = Date.now() + 3_600_000
        const payload = { action: "newMail", title: "é 漢" }
        yield* gateway.send([notification(1, { platform: "Android", payload, expiresAt })])
        yield* gateway.send([
          notification(2, { platform: "Android", payload, kind: "resubscribe", expiresAt })
        ])
        expect(stub.published.map(({ message }) => message)).toEqual([
          {
            fcmV1Message: {
              message: {
                data: payload,
                android: { priority: "high", ttl: expect.stringMatching(/^3[56]\d\ds$/) }
              }
            }
          },
          {
            fcmV1Message: {
              message: { data: payload, android: expect.objectContaining({ collapse_key: "id-2" }) }
            }
          }
        ])
        expect(stub.published[0]?.attributes).toEqual({
          "AWS.SNS.MOBILE.FCM.TTL": expect.stringMatching(/^3[56]\d\d$/)
        })
      })
    )
  )

  it.live("goes through the platform application of the device's app", () =>
    memory(
      Effect.gen(function* () {
        const other = `${APP}/APNS/other`
        const { sendTo, stub } = yield* started({
          ios: { otherwise: undefined, apps: new Map([["com.example.other", other]]) }
        })
        expect(yield* sendTo({ bundleId: "com.example.other" })).toEqual(delivered)
        expect([...stub.endpoints.values()][0]?.arn).toContain("endpoint/APNS/other/")
        expect(yield* sendTo({})).toMatchObject({
          _tag: "Rejected",
          reason: expect.stringContaining("ENS_SNS_PLATFORM_ARN_IOS")
        })
      })
    )
  )

  it.live("is nothing for a sandbox device when the platform application is for production", () =>
    memory(
      Effect.gen(function* () {
        const { sendTo, stub } = yield* started()
        expect((yield* sendTo({ environment: "sandbox" }))?._tag).toBe("Rejected")
        expect(stub.requests).toEqual([])
      })
    )
  )

  it.live("is rejected when it is too long, and the device stays", () =>
    memory(
      Effect.gen(function* () {
        const { sendTo } = yield* started()
        const payload = { aps: { alert: { title: "x".repeat(4096) } } }
        expect(yield* sendTo({}, { payload })).toEqual(
          Verdict.Rejected({ reason: "InvalidParameter, too long" })
        )
      })
    )
  )

  it.live("goes over connections that are kept", () =>
    memory(
      Effect.gen(function* () {
        const { gateway, stub } = yield* started()
        for (let n = 0; n < 10; n++) yield* gateway.send([notification(n)])
        expect(stub.published).toHaveLength(10)
        expect(stub.connections()).toBe(1)
      })
    )
  )

  it.live("is sent once more when the connection breaks, and never otherwise", () =>
    memory(
      Effect.gen(function* () {
        const { actions, sendTo, stub } = yield* started()
        yield* sendTo({})
        let calls = 0
        stub.act = () => (++calls === 1 ? "cut" : undefined)
        expect(yield* sendTo({})).toEqual(delivered)
        for (const act of ["cut within", SnsStub.failure(503, "ServiceUnavailable")] as const) {
          const before = actions().length
          stub.act = () => act
          expect((yield* sendTo({}))?._tag).toBe("GatewayDown")
          expect(actions().length - before).toBe(act === "cut within" ? 2 : 1)
        }
      })
    )
  )
})

describe("an endpoint", () => {
  const stored = Effect.gen(function* () {
    const storage = yield* Storage
    const user = yield* addSubscriber(yield* addTenant("t"), "anna")
    return {
      user,
      token: "phone of anna",
      device: Effect.map(storage.devices(user), ([device]) => device)
    }
  })

  it.live("is made for the first notification, stored with the device, and used from then on", () =>
    memory(
      Effect.gen(function* () {
        const { device, token, user } = yield* stored
        const first = yield* started()
        const target = { token, user, registeredAt: 7 }
        expect(yield* first.sendTo(target)).toEqual(delivered)
        expect(yield* first.sendTo(target)).toEqual(delivered)
        expect(first.actions()).toEqual(["CreatePlatformEndpoint", "Publish", "Publish"])
        const endpoint = (yield* device)?.endpoint
        expect(endpoint).toEqual({ arn: [...first.stub.endpoints.keys()][0], registeredAt: 7 })

        const restarted = yield* started()
        const { arn, ...rest } = restarted.stub.add(IOS, token)
        restarted.stub.endpoints.set(endpoint!.arn, { arn: endpoint!.arn, ...rest })
        expect(yield* restarted.sendTo({ ...target, endpoint: endpoint! })).toEqual(delivered)
        expect(restarted.actions()).toEqual(["Publish"])
      })
    )
  )

  it.live("is made anew for a new token, another platform application, and one that SNS has no more", () =>
    memory(
      Effect.gen(function* () {
        const { device, token, user } = yield* stored
        const { actions, sendTo, stub } = yield* started()
        const old = { arn: `${APP.replace(":app", ":endpoint")}/APNS/old/1`, registeredAt: 7 }
        const target = { token, user, registeredAt: 7 }
        expect(yield* sendTo({ ...target, endpoint: old })).toEqual(delivered)
        expect(actions()).toEqual(["CreatePlatformEndpoint", "Publish"])
        expect(yield* sendTo({ ...target, token: "new" })).toEqual(delivered)
        expect(stub.published.map((one) => one.token)).toEqual([token, "new"])

        stub.endpoints.clear()
        expect(yield* sendTo(target)).toEqual(delivered)
        expect(actions().slice(4)).toEqual(["Publish", "CreatePlatformEndpoint", "Publish"])
        expect((yield* device)?.endpoint?.arn).toBe([...stub.endpoints.keys()][0])
      })
    )
  )

  it.live("that somebody made with other attributes is used", () =>
    memory(
      Effect.gen(function* () {
        const { sendTo, stub } = yield* started()
        const { arn } = stub.add(IOS, "token-1", "made by the other system")
        expect(yield* sendTo({})).toEqual(delivered)
        expect(stub.requests.at(-1)?.form.get("TargetArn")).toBe(arn)
        expect(stub.endpoints.size).toBe(1)
      })
    )
  )

  it.live("that SNS hands out disabled is enabled for the registration", () =>
    memory(
      Effect.gen(function* () {
        const { actions, sendTo, stub } = yield* started()
        stub.add(IOS, "token-1").enabled = false
        expect(yield* sendTo({})).toEqual(delivered)
        expect(actions()).toEqual(["CreatePlatformEndpoint", "Publish", "SetEndpointAttributes", "Publish"])
        expect(stub.published).toHaveLength(1)
      })
    )
  )

  it.live("that was disabled is a dead token, until the device registers again", () =>
    memory(
      Effect.gen(function* () {
        const { device, token, user } = yield* stored
        const { actions, sendTo, stub } = yield* started()
        const target = { token, user, registeredAt: 7 }
        stub.works = () => false
        // SNS takes it; what Apple says is learned at the next one.
        expect(yield* sendTo(target)).toEqual(delivered)
        expect(yield* sendTo(target)).toEqual(dead)
        expect(actions()).toEqual(["CreatePlatformEndpoint", "Publish", "Publish"])

        stub.works = () => true
        const endpoint = (yield* device)!.endpoint!
        expect(yield* sendTo({ ...target, endpoint })).toEqual(dead)
        expect(yield* sendTo({ ...target, endpoint, registeredAt: 8 })).toEqual(delivered)
        expect(actions().slice(4)).toEqual(["Publish", "SetEndpointAttributes", "Publish"])
        expect((yield* device)?.endpoint).toEqual({ ...endpoint, registeredAt: 8 })
      })
    )
  )

  it.live("that cannot be stored is used all the same, and stored at the next notification", () =>
    Effect.gen(function* () {
      const faults = yield* StorageFaults
      const { device, token, user } = yield* stored
      const { actions, sendTo } = yield* started()
      faults.failNext("saveEndpoint")
      expect(yield* sendTo({ token, user })).toEqual(delivered)
      expect((yield* device)?.endpoint).toBeUndefined()
      expect(yield* sendTo({ token, user })).toEqual(delivered)
      expect((yield* device)?.endpoint).toBeDefined()
      expect(actions()).toEqual(["CreatePlatformEndpoint", "Publish", "Publish"])
      yield* sendTo({ token, user })
      expect(faults.calls("saveEndpoint")).toBe(2)
    }).pipe(
      Effect.scoped,
      Effect.provide(layerFaulty(MemoryStorage.layer)),
      Effect.provide(Logger.remove(Logger.defaultLogger))
    )
  )

  it.live("is not made again while SNS throttles", () =>
    memory(
      Effect.gen(function* () {
        const { actions, sendTo, stub } = yield* started()
        stub.act = ({ action }) => (action === "Publish" ? SnsStub.failure(400, "Throttling") : undefined)
        expect(yield* sendTo({})).toEqual(Verdict.RetryLater({ after: 0, everyone: true }))
        expect((yield* sendTo({}))?._tag).toBe("RetryLater")
        expect(actions()).toEqual(["CreatePlatformEndpoint", "Publish", "Publish"])
      })
    )
  )
})

describe("trouble of a platform application", () => {
  const logged = <A, E, R>(body: (lines: Array<string>) => Effect.Effect<A, E, R>) => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => lines.push(String(message)))
    return body(lines).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  }

  it.live("is the gateway's when there is but one", () =>
    memory(
      Effect.gen(function* () {
        const stub = yield* SnsStub.make()
        const settings = { ...settingsOf(stub.url), push: { ios: "sns", android: "log" } as const }
        const gateway = yield* made({ settings })
        stub.act = () => SnsStub.failure(400, "PlatformApplicationDisabled")
        expect(yield* gateway.send([notification(1)])).toEqual([
          downSaying("renew its certificate or key in SNS")
        ])
        stub.act = () => SnsStub.failure(404, "NotFound")
        expect(yield* gateway.send([notification(1)])).toEqual([downSaying("ENS_SNS_PLATFORM_ARN_IOS")])
      })
    )
  )

  it.live("holds up its own devices only when there are several, and is logged once", () =>
    logged((lines) =>
      memory(
        Effect.gen(function* () {
          const { gateway, stub } = yield* started()
          stub.act = ({ form }) =>
            (form.get("PlatformApplicationArn") ?? form.get("TargetArn"))?.includes("/APNS/")
              ? SnsStub.failure(400, "PlatformApplicationDisabled")
              : undefined
          const both = [notification(1), notification(2, { platform: "Android" }), notification(3)]
          expect(yield* gateway.send(both)).toEqual([
            Verdict.RetryLater({ after: 60_000 }),
            delivered,
            Verdict.RetryLater({ after: 60_000 })
          ])
          expect(lines).toEqual([expect.stringContaining(`has disabled the platform application ${IOS}`)])
          stub.act = () => undefined
          expect(yield* gateway.send(both)).toEqual([delivered, delivered, delivered])
          expect(lines.slice(1)).toEqual([expect.stringContaining(`takes notifications for ${IOS} again`)])
        })
      )
    )
  )

  it.live("that disables most endpoints costs few devices, and the others are enabled when it is over", () =>
    logged(() =>
      memory(
        Effect.gen(function* () {
          const { gateway, stub } = yield* started()
          const all = Array.from({ length: 2 * REFUSALS_ORDINARY }, (_, n) => notification(n))
          yield* gateway.send(all)
          for (const endpoint of stub.endpoints.values()) endpoint.enabled = false
          const verdicts = yield* gateway.send(all)
          expect(verdicts.slice(0, REFUSALS_ORDINARY)).toEqual(Array(REFUSALS_ORDINARY).fill(dead))
          const others = all.slice(REFUSALS_ORDINARY)
          const later = Verdict.RetryLater({ after: 60_000 })
          expect(verdicts.slice(REFUSALS_ORDINARY)).toEqual(others.map(() => later))
          expect(yield* gateway.send(others)).toEqual(others.map(() => delivered))
        })
      )
    )
  )
})

describe("why SNS does not take notifications", () => {
  const reasons: ReadonlyArray<readonly [string, SnsStub.SnsAct, string]> = [
    ["rights are missing", SnsStub.failure(403, "AuthorizationError"), "sns:CreatePlatformEndpoint"],
    ["credentials have expired", SnsStub.failure(403, "ExpiredToken"), "expired"],
    ["the clock is wrong", SnsStub.failure(400, "RequestExpired"), "clock"],
    ["the secret key is wrong", SnsStub.failure(403, "SignatureDoesNotMatch"), "secret key"],
    ["a proxy answers", { status: 403, body: "<html>no</html>" }, "not SNS's"],
    ["nothing is there", { status: 404 }, "not SNS's"],
    ["the answer is no XML", { body: "{}" }, "not SNS's"],
    ["the answer is empty", {}, "not SNS's"]
  ]
  for (const [what, act, text] of reasons)
    it.live(`${what}: is said with what to do`, () =>
      memory(
        Effect.gen(function* () {
          const { sendTo, stub } = yield* started()
          stub.act = () => act
          const verdict = yield* sendTo({})
          expect(verdict).toEqual(downSaying(text))
          expect(JSON.stringify(verdict)).not.toMatch(/token-1|AKID|never/)
        })
      )
    )

  it.live("nobody is there: is said with the setting", () =>
    memory(
      Effect.gen(function* () {
        const gateway = yield* made({ settings: settingsOf(`http://127.0.0.1:${yield* freePort}/`) })
        expect(yield* gateway.send([notification(1)])).toEqual([
          downSaying("cannot be reached (ECONNREFUSED): check ENS_SNS_ENDPOINT")
        ])
      })
    )
  )

  it.live("no credentials: is said with how to give some", () =>
    memory(
      Effect.gen(function* () {
        const stub = yield* SnsStub.make()
        const gateway = yield* made({
          settings: settingsOf(stub.url),
          credentials: () =>
            Promise.reject(Object.assign(new Error("secret"), { name: "CredentialsProviderError" }))
        })
        const [verdict] = yield* gateway.send([notification(1)])
        expect(verdict).toEqual(downSaying("AWS_ACCESS_KEY_ID"))
        expect(JSON.stringify(verdict)).not.toContain("secret")
      })
    )
  )
})

describe("the settings of SNS", () => {
  const problemOf = (settings: SnsGateway.SnsOptions["settings"]) =>
    Effect.map(memory(Effect.flip(made({ settings }))), (error) => error.message)
  const none: PerApp = { otherwise: undefined, apps: new Map() }

  it.effect("name a platform application for each platform that SNS serves", () =>
    Effect.gen(function* () {
      expect(yield* problemOf(settingsOf(undefined, none))).toContain("ENS_SNS_PLATFORM_ARN_IOS")
      expect(yield* problemOf(settingsOf(undefined, only(IOS), none))).toContain(
        "ENS_SNS_PLATFORM_ARN_ANDROID"
      )
      const settings = { ...settingsOf(undefined, only(IOS), none), push: { ios: "sns", android: "log" } }
      yield* memory(made({ settings: settings as SnsGateway.SnsOptions["settings"] }))
    })
  )

  it.effect("name platform applications of the platform's kind, in one region", () =>
    Effect.gen(function* () {
      for (const wrong of ["mail", ANDROID, `${APP.replace(":app", ":endpoint")}/APNS/mail/1`])
        expect(yield* problemOf(settingsOf(undefined, only(wrong)))).toContain("ENS_SNS_PLATFORM_ARN_IOS")
      expect(yield* problemOf(settingsOf(undefined, only(IOS), only(IOS)))).toContain(
        "ENS_SNS_PLATFORM_ARN_ANDROID"
      )
      const elsewhere = only(IOS.replace("eu-central-1", "us-east-1"))
      expect(yield* problemOf(settingsOf(undefined, elsewhere))).toContain("one AWS region")
      const { push, sns } = settingsOf(undefined)
      expect(yield* problemOf({ push, sns: { ...sns, region: "us-east-1" } })).toContain("ENS_SNS_REGION")
    })
  )

  it.effect("allow plain http only on this machine", () =>
    Effect.gen(function* () {
      for (const url of ["http://sns.example.com/", "ftp://127.0.0.1/"])
        expect(yield* problemOf(settingsOf(url))).toContain("ENS_SNS_ENDPOINT")
      for (const url of ["https://sns.example.com/", "http://localhost:1/"])
        yield* memory(made({ settings: settingsOf(url) }))
    })
  )
})
