import { generateKeyPairSync } from "node:crypto"
import { once } from "node:events"
import { mkdtempSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Scope } from "effect"
import * as FcmGateway from "../../../layers/push/FcmGateway.ts"
import { type PushNotification, Verdict } from "../../../schemas/Push.ts"
import * as FcmStub from "../../support/FcmStub.ts"
import { notification } from "../../support/Notifications.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"
import { BAD_TOKEN, gatewaySuite, type Rig, type Trouble } from "./GatewaySuite.ts"

const tls = TestCertificate.make("127.0.0.1")
const folder = mkdtempSync(join(tmpdir(), "ens-fcm-"))
const pair = generateKeyPairSync("rsa", { modulusLength: 2048 })
const account = { email: "ens@p1.iam.gserviceaccount.com", key: pair.publicKey }

let files = 0
const accountFile = (tokenUrl: string) => {
  const file = join(folder, `account-${files++}.json`)
  const json = {
    type: "service_account",
    project_id: "p1",
    private_key_id: "k1",
    private_key: pair.privateKey.export({ type: "pkcs8", format: "pem" }),
    client_email: account.email,
    token_uri: tokenUrl
  }
  writeFileSync(file, JSON.stringify(json))
  return file
}

const gatewayAt = (url: string, timeout = 10_000, tokenUrl = `${url}/token`) =>
  FcmGateway.make({
    settings: { serviceAccountFile: accountFile(tokenUrl), endpoint: url },
    tls: { ca: tls.cert },
    timeout
  })

const ACTS: { readonly [T in Trouble]?: FcmStub.FcmStub["act"] } = {
  throttled: () =>
    FcmStub.failure(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", { headers: { "retry-after": "7" } }),
  "server error": () => FcmStub.failure(500, "INTERNAL", "INTERNAL"),
  silent: () => "silence",
  "connection cut": () => "cut",
  "malformed answer": () => ({ body: "<html>Log in to the guest network</html>" }),
  "endless answer": () => ({ body: `{"name":"${"x".repeat(1_000_000)}"}` }),
  unauthorized: () => FcmStub.failure(403, "PERMISSION_DENIED"),
  "refuses one token": ({ token }) =>
    token === BAD_TOKEN ? FcmStub.failure(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT") : FcmStub.delivered,
  "dead token": ({ token }) =>
    token === BAD_TOKEN ? FcmStub.failure(404, "NOT_FOUND", "UNREGISTERED") : FcmStub.delivered
}

const seen = (stub: FcmStub.FcmStub) =>
  stub.delivered.map(({ apns, data, token }) => ({
    deviceToken: token,
    deviceType: apns ? "iOS" : "Android",
    payload: apns ? apns.payload : data
  }))

const acting = Effect.fnUntraced(function* (trouble: Trouble | undefined) {
  const stub = yield* FcmStub.make({ tls, account })
  const act = trouble && ACTS[trouble]
  if (act) stub.act = act
  return {
    gateway: yield* gatewayAt(stub.url, trouble === "silent" ? 300 : 10_000),
    arrived: Effect.sync(() => seen(stub)),
    heal: Effect.sync(() => {
      stub.act = () => FcmStub.delivered
    })
  }
})

const freePort = Effect.promise(async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
})

const refusing: Effect.Effect<Rig, unknown, Scope.Scope> = Effect.gen(function* () {
  const port = yield* freePort
  const logIn = yield* FcmStub.make({ tls, account })
  const gateway = yield* gatewayAt(`https://127.0.0.1:${port}`, 10_000, logIn.tokenUrl)
  let stub: FcmStub.FcmStub | undefined
  const scope = yield* Effect.scope
  return {
    gateway,
    arrived: Effect.sync(() => (stub ? seen(stub) : [])),
    heal: FcmStub.make({ port, tls }).pipe(
      Effect.tap((it) => {
        stub = it
      }),
      Effect.provideService(Scope.Scope, scope),
      Effect.asVoid
    )
  }
})

const distrusting = Effect.gen(function* () {
  const stub = yield* FcmStub.make({ tls: TestCertificate.make("127.0.0.1") })
  return {
    gateway: yield* gatewayAt(stub.url),
    arrived: Effect.sync(() => seen(stub)),
    heal: Effect.sync(() => stub.present(tls))
  }
})

gatewaySuite(
  "fcm",
  [...(Object.keys(ACTS) as Array<Trouble>), "refused connection", "untrusted certificate"],
  (trouble) =>
    trouble === "refused connection"
      ? refusing
      : trouble === "untrusted certificate"
        ? distrusting
        : acting(trouble)
)

const down = expect.objectContaining({ _tag: "GatewayDown" })

const started = Effect.fnUntraced(function* (
  act: FcmStub.FcmStub["act"] = () => FcmStub.delivered,
  more: Partial<FcmStub.FcmStubOptions> = {}
) {
  const stub = yield* FcmStub.make({ tls, account, ...more })
  stub.act = act
  const gateway = yield* gatewayAt(stub.url)
  const send = (one: PushNotification) => Effect.map(gateway.send([one]), ([verdict]) => verdict)
  return { stub, gateway, send }
})

describe("what goes to FCM", () => {
  it.scopedLive("is a data message for Android, as it is", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started()
      const one = notification(1, { platform: "Android", expiresAt: Date.now() + 86_400_000 })
      yield* send(one)
      expect(stub.requests[0]).toMatchObject({
        url: "/v1/projects/p1/messages:send",
        headers: { authorization: "Bearer access-1" },
        message: { token: "token-1", data: one.payload, android: { priority: "high" } }
      })
      expect(stub.requests[0]!.message).not.toHaveProperty("notification")
      expect(stub.requests[0]!.message.android).not.toHaveProperty("collapse_key")
      expect(stub.requests[0]!.message.android?.ttl).toMatch(/^86(?:400|399)s$/)
    })
  )
  it.scopedLive("replaces only what it supersedes, because FCM keeps few collapse keys", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started()
      yield* send(notification(1, { platform: "Android", kind: "resubscribe", priority: "normal" }))
      expect(stub.requests[0]!.message.android).toEqual({
        priority: "normal",
        ttl: "0s",
        collapse_key: "id-1"
      })
    })
  )
  it.scopedLive("is handed on to Apple for iOS, with Apple's headers", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started()
      yield* send(notification(1))
      yield* send(notification(2, { kind: "resubscribe", payload: { aps: { "content-available": 1 } } }))
      expect(stub.delivered.map((it) => it.apns)).toEqual([
        {
          headers: {
            "apns-push-type": "alert",
            "apns-priority": "10",
            "apns-expiration": "86400",
            "apns-collapse-id": "id-1"
          },
          payload: notification(1).payload
        },
        {
          headers: {
            "apns-push-type": "background",
            "apns-priority": "5",
            "apns-expiration": "86400",
            "apns-collapse-id": "id-2"
          },
          payload: { aps: { "content-available": 1 } }
        }
      ])
    })
  )
  it.scopedLive("has only text as data", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started()
      const payload = { count: 6, ids: ["a"], none: undefined, text: "6" }
      expect(yield* send(notification(1, { platform: "Android", payload }))).toEqual(Verdict.Delivered())
      expect(stub.delivered[0]!.data).toEqual({ count: "6", ids: '["a"]', none: "", text: "6" })
    })
  )
  it.scopedLive("is refused without asking FCM when it can be no message", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started()
      expect(yield* send(notification(1, { token: "" }))).toEqual(
        Verdict.Rejected({ reason: "messaging/invalid-payload" })
      )
      expect(stub.requests).toHaveLength(0)
    })
  )
})

describe("a request", () => {
  it.scopedLive("goes over few connections that are kept", () =>
    Effect.gen(function* () {
      const { gateway, send, stub } = yield* started()
      const many = Array.from({ length: 300 }, (_, n) => notification(n))
      yield* Effect.forEach(many, send, { concurrency: gateway.slots })
      expect(stub.delivered).toHaveLength(300)
      expect(stub.connections()).toBeLessThanOrEqual(gateway.slots + 1)
    })
  )
  it.scopedLive("is not repeated by firebase-admin, whatever it is answered", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started(() =>
        FcmStub.failure(503, "UNAVAILABLE", "UNAVAILABLE", { headers: { "retry-after": "30" } })
      )
      expect(yield* send(notification(1))).toEqual(Verdict.RetryLater({ after: 30_000, everyone: true }))
      stub.act = () => ({ status: 503, body: "<html>busy</html>" })
      expect(yield* send(notification(2))).toEqual(down)
      yield* Effect.sleep(700)
      expect(stub.requests).toHaveLength(2)
    })
  )
  for (const act of ["cut", "cut within"] as const)
    it.scopedLive(`whose connection is ${act} is tried once more, and no more`, () =>
      Effect.gen(function* () {
        let calls = 0
        const { send, stub } = yield* started(() => (++calls === 1 ? act : FcmStub.delivered))
        expect(yield* send(notification(1))).toEqual(Verdict.Delivered())
        stub.act = () => act
        expect(yield* send(notification(2))).toEqual(down)
        yield* Effect.sleep(700)
        expect(stub.requests).toHaveLength(4)
      })
    )
  it.scopedLive("that is given up leaves nothing behind", () =>
    Effect.gen(function* () {
      const stub = yield* FcmStub.make({ tls, account })
      stub.act = () => "silence"
      const gateway = yield* gatewayAt(stub.url, 300)
      expect(yield* gateway.send([notification(1)])).toEqual([
        Verdict.GatewayDown({ reason: `FCM at ${new URL(stub.url).host} does not answer in time` })
      ])
      yield* Effect.sleep(700)
      expect(stub.requests).toHaveLength(1)
    })
  )
})

describe("the log-in", () => {
  const logInVerdict = (act: FcmStub.FcmAct) =>
    Effect.gen(function* () {
      const { send, stub } = yield* started()
      stub.actOnLogIn = () => act
      const verdict = yield* send(notification(1))
      expect(stub.requests).toHaveLength(0)
      stub.actOnLogIn = () => undefined
      expect(yield* send(notification(2))).toEqual(Verdict.Delivered())
      expect(JSON.stringify(verdict)).not.toContain("token-1")
      return verdict?._tag === "GatewayDown" ? verdict.reason : verdict?._tag
    })

  it.scopedLive("is one for all that wait for it, and is kept", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started()
      yield* Effect.forEach([1, 2, 3, 4, 5], (n) => send(notification(n)), { concurrency: "unbounded" })
      yield* send(notification(6))
      expect(stub.logIns()).toBe(1)
    })
  )
  it.scopedLive("is done again before the token ends", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started(undefined, { lasts: 299 })
      yield* send(notification(1))
      yield* send(notification(2))
      expect(stub.requests.map((it) => it.headers.authorization)).toEqual([
        "Bearer access-1",
        "Bearer access-2"
      ])
    })
  )
  it.scopedLive("that fails leaves the old token in use while it lasts, and is not tried each time", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started(undefined, { lasts: 299 })
      yield* send(notification(1))
      stub.actOnLogIn = () => ({ status: 500 })
      expect(yield* send(notification(2))).toEqual(Verdict.Delivered())
      expect(yield* send(notification(3))).toEqual(Verdict.Delivered())
      expect(stub.logIns()).toBe(2)
    })
  )
  it.scopedLive("is done again when FCM does not take the token", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started()
      yield* send(notification(1))
      stub.revoke()
      expect(yield* send(notification(2))).toEqual(down)
      expect(yield* send(notification(3))).toEqual(Verdict.Delivered())
      expect(stub.logIns()).toBe(2)
    })
  )
  it.scopedLive("that fails fails all that wait for it", () =>
    Effect.gen(function* () {
      const { gateway, stub } = yield* started()
      stub.actOnLogIn = () => ({ status: 500 })
      const many = Array.from({ length: 50 }, (_, n) => gateway.send([notification(n)]))
      const verdicts = yield* Effect.all(many, { concurrency: "unbounded" })
      expect(verdicts).toEqual(verdicts.map(() => [down]))
      expect(stub.logIns()).toBe(1)
      stub.actOnLogIn = () => undefined
      expect(yield* gateway.send([notification(1)])).toEqual([Verdict.Delivered()])
    })
  )
  it.scopedLive("that fails says why", () =>
    Effect.gen(function* () {
      expect(yield* logInVerdict({ status: 400, body: { error: "invalid_grant" } })).toMatch(
        /^FCM's log-in at 127\.0\.0\.1:\d+ does not accept the service account \(invalid_grant\): check this machine's clock/
      )
      expect(yield* logInVerdict({ status: 400, body: { error: "about token-1" } })).toContain("HTTP 400")
      expect(yield* logInVerdict({ status: 503 })).toContain("fails (HTTP 503)")
      expect(yield* logInVerdict("cut")).toContain("breaks the connection off")
      for (const body of ["", "<html>", {}, { access_token: "", expires_in: 1 }, { access_token: "a" }])
        expect(yield* logInVerdict({ body })).toContain("form that is not its own (HTTP 200)")
      expect(yield* logInVerdict({ body: "x".repeat(100_000) })).toContain("form that is not its own")
    })
  )
})

describe("a burst of refused tokens", () => {
  it.scopedLive("stops the gateway instead of killing the devices", () =>
    Effect.gen(function* () {
      const { send } = yield* started(() => FcmStub.failure(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"))
      const verdicts = yield* Effect.forEach(
        Array.from({ length: 30 }, (_, n) => notification(n)),
        send
      )
      expect(verdicts.filter((it) => it?._tag === "TokenDead")).toHaveLength(10)
      expect(verdicts.slice(10)).toEqual(Array.from({ length: 20 }, () => down))
    })
  )
})

describe("trouble of one app", () => {
  it.scopedLive("with Apple's key does not stop Android, and is no matter of the log-in", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started(({ apns }) =>
        apns ? FcmStub.failure(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR") : FcmStub.delivered
      )
      expect(yield* send(notification(1))).toEqual(down)
      expect(yield* send(notification(2, { platform: "Android" }))).toEqual(Verdict.Delivered())
      expect(yield* send(notification(1))).toEqual(Verdict.RetryLater({ after: 60_000 }))
      expect(stub.logIns()).toBe(1)
    })
  )
  it.scopedLive("whose tokens are refused does not stop the others", () =>
    Effect.gen(function* () {
      const { send } = yield* started(({ apns }) =>
        apns ? FcmStub.failure(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH") : FcmStub.delivered
      )
      yield* send(notification(1, { platform: "Android" }))
      const verdicts = yield* Effect.forEach(
        Array.from({ length: 30 }, (_, n) => notification(n)),
        send
      )
      expect(verdicts.slice(10)).toEqual(
        Array.from({ length: 20 }, () => Verdict.RetryLater({ after: 60_000 }))
      )
    })
  )
})

describe("where FCM may be", () => {
  it.effect("an https URL without a path", () =>
    Effect.gen(function* () {
      for (const endpoint of ["http://127.0.0.1:1", "https://fcm.example.com/v1", "fcm.example.com", ""]) {
        const error = yield* Effect.flip(
          FcmGateway.make({ settings: { serviceAccountFile: accountFile("https://x/"), endpoint } })
        )
        expect(error.message).toContain("ENS_FCM_ENDPOINT")
      }
    }).pipe(Effect.scoped)
  )
})
