import { generateKeyPairSync, sign } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as FcmGateway from "../../../layers/push/FcmGateway.ts"
import { type FcmStandIn, makeFcm } from "../../../src/sandbox/Fcm.ts"
import { notification } from "../../support/Notifications.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { selfSigned } from "./support/Certificate.ts"
import { connectTo } from "./support/Connection.ts"
import { pushSuite } from "./support/PushSuite.ts"

const tls = selfSigned()
const newKey = () =>
  generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({
    type: "pkcs8",
    format: "pem"
  }) as string
const key = newKey()
const started = makeFcm({ tls, key })

const gatewayFor = (standIn: FcmStandIn) =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, "account.json")
    writeFileSync(file, JSON.stringify(standIn.serviceAccount))
    return yield* FcmGateway.make({
      settings: { serviceAccountFile: file, endpoint: standIn.url },
      tls: { ca: tls.cert }
    })
  })

const assertion = (fcm: FcmStandIn, more: { readonly by?: string; readonly claims?: object } = {}) => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const iat = Math.floor(Date.now() / 1000)
  const claims = {
    iss: fcm.serviceAccount["client_email"],
    aud: fcm.serviceAccount["token_uri"],
    scope: "https://www.googleapis.com/auth/firebase.messaging",
    iat,
    exp: iat + 3600,
    ...more.claims
  }
  const text = `${part({ alg: "RS256" })}.${part(claims)}`
  return `${text}.${sign("sha256", Buffer.from(text), more.by ?? key).toString("base64url")}`
}

const logIn = (fcm: FcmStandIn, assertion: string, grant = "urn:ietf:params:oauth:grant-type:jwt-bearer") =>
  Effect.gen(function* () {
    const connection = yield* connectTo(fcm.serviceAccount["token_uri"] ?? "", { ca: tls.cert })
    const form = new URLSearchParams({ grant_type: grant, assertion })
    const { status, text } = yield* connection.post(form.toString())
    return { status, ...(JSON.parse(text) as { readonly error?: string; readonly access_token?: string }) }
  })

const send = (fcm: FcmStandIn, token: string, body: string) =>
  Effect.gen(function* () {
    const connection = yield* connectTo(`${fcm.url}/v1/projects/p/messages:send`, { ca: tls.cert })
    const { status, text } = yield* connection.post(body, { authorization: `Bearer ${token}` })
    return [status, JSON.parse(text).error?.status]
  })

describe("the FCM stand-in", () => {
  pushSuite(
    "it",
    ["Android", "iOS"],
    Effect.gen(function* () {
      const standIn = yield* started
      return { standIn, gateway: yield* gatewayFor(standIn) }
    })
  )

  it.scopedLive("lets its service account log in, and nobody else", () =>
    Effect.gen(function* () {
      const fcm = yield* started
      expect((yield* logIn(fcm, assertion(fcm), "password")).error).toBe("unsupported_grant_type")
      const wrong = [
        "a.b.c",
        assertion(fcm, { by: newKey() }),
        assertion(fcm, { claims: { iss: "somebody@example.com" } }),
        assertion(fcm, { claims: { aud: "https://oauth2.googleapis.com/token" } }),
        assertion(fcm, { claims: { scope: "openid" } }),
        assertion(fcm, { claims: { iat: 0, exp: 3600 } })
      ]
      for (const one of wrong) expect(yield* logIn(fcm, one)).toEqual({ status: 400, error: "invalid_grant" })
      const { access_token = "", status } = yield* logIn(fcm, assertion(fcm))
      expect(status).toBe(200)
      const message = JSON.stringify({ message: { token: "t", data: { action: "newMail" } } })
      expect(yield* send(fcm, access_token, message)).toEqual([200, undefined])
      expect(yield* send(fcm, "guessed", message)).toEqual([401, "UNAUTHENTICATED"])
      expect(fcm.received()).toHaveLength(1)
    })
  )

  it.scopedLive("refuses messages that have not the form of one", () =>
    Effect.gen(function* () {
      const fcm = yield* started
      const { access_token = "" } = yield* logIn(fcm, assertion(fcm))
      const wrong: ReadonlyArray<unknown> = [
        "no message",
        { message: { data: {} } },
        { message: { token: "", data: {} } },
        { message: { token: "t", data: { count: 3 } } },
        { message: { token: "t", data: {}, android: { ttl: "60" } } },
        { message: { token: "t", data: { body: "x".repeat(4096) } } }
      ]
      for (const body of wrong)
        expect([body, ...(yield* send(fcm, access_token, JSON.stringify(body)))]).toEqual([
          body,
          400,
          "INVALID_ARGUMENT"
        ])
      expect(fcm.received()).toEqual([])
      expect(fcm.requests()).toHaveLength(wrong.length)
    })
  )

  it.scopedLive("tells how a message is to be treated, and holds back a single phone", () =>
    Effect.gen(function* () {
      const fcm = yield* started
      const gateway = yield* gatewayFor(fcm)
      yield* fcm.addFault({ kind: "throttled", deviceToken: "token-2", retryAfter: "7" })
      const [verdict] = yield* gateway.send([notification(2, { platform: "Android" })])
      expect(verdict).toMatchObject({ _tag: "RetryLater", after: 7_000 })
      expect(verdict).not.toMatchObject({ everyone: true })
      const expiresAt = Date.now() + 60_000
      yield* gateway.send([
        notification(1, { platform: "Android", expiresAt }),
        notification(1, { expiresAt })
      ])
      expect(fcm.received().map(({ options }) => options)).toMatchObject([
        { priority: "high", ttl: expect.stringMatching(/^(?:60|59)s$/) },
        { "apns-push-type": "alert", "apns-priority": "10" }
      ])
    })
  )
})
