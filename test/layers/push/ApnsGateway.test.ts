import { createPublicKey, generateKeyPairSync } from "node:crypto"
import { once } from "node:events"
import { mkdtempSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer as createTlsServer } from "node:tls"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Scope, TestClock } from "effect"
import * as ApnsGateway from "../../../layers/push/ApnsGateway.ts"
import { type PushNotification, Verdict } from "../../../schemas/Push.ts"
import type { ApnsSettings, PerApp } from "../../../schemas/Settings.ts"
import * as ApnsStub from "../../support/ApnsStub.ts"
import { notification } from "../../support/Notifications.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"
import { BAD_TOKEN, gatewaySuite, type Rig, type Trouble } from "./GatewaySuite.ts"

const tls = TestCertificate.make("127.0.0.1")
const folder = mkdtempSync(join(tmpdir(), "ens-apns-"))

const newKey = (name: string) => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const file = join(folder, `${name}.p8`)
  writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }))
  return { file, key: createPublicKey(privateKey) }
}
const main = newKey("main")
const other = newKey("other")
const keys = { KEY1: { teamId: "TEAM1", key: main.key }, KEY2: { teamId: "TEAM2", key: other.key } }

const all = (otherwise: string, apps: Record<string, string> = {}): PerApp => ({
  otherwise,
  apps: new Map(Object.entries(apps))
})

const settings = (port: number, more: Partial<ApnsSettings> = {}): ApnsSettings => ({
  keyFile: all(main.file),
  keyId: all("KEY1"),
  teamId: all("TEAM1"),
  host: "127.0.0.1",
  port,
  ...more
})

const gatewayAt = (port: number, timeout = 10_000) =>
  ApnsGateway.make({ settings: settings(port), tls: { ca: tls.cert }, timeout })

const ACTS: { readonly [T in Trouble]?: ApnsStub.ApnsStub["act"] } = {
  throttled: () => ({ status: 429, headers: { "retry-after": "7" }, reason: "TooManyProviderTokenUpdates" }),
  "server error": () => ({ status: 500, reason: "InternalServerError" }),
  silent: () => "silence",
  "connection cut": () => "cut",
  "malformed answer": () => ({ body: "<html>Log in to the guest network</html>" }),
  "endless answer": () => ({ body: "x".repeat(1_000_000) }),
  unauthorized: () => ({ status: 403, reason: "InvalidProviderToken" }),
  "refuses one token": ({ token }) =>
    token === BAD_TOKEN ? { status: 413, reason: "PayloadTooLarge" } : ApnsStub.delivered,
  "dead token": ({ token }) =>
    token === BAD_TOKEN ? { status: 410, reason: "Unregistered", timestamp: 1_000 } : ApnsStub.delivered
}

const seen = (stub: ApnsStub.ApnsStub) =>
  stub.delivered.map(({ payload, token }) => ({ deviceToken: token, deviceType: "iOS", payload }))

const acting = Effect.fnUntraced(function* (trouble: Trouble | undefined) {
  const stub = yield* ApnsStub.make({ tls, keys })
  const act = trouble && ACTS[trouble]
  if (act) stub.act = act
  return {
    gateway: yield* gatewayAt(stub.port, trouble === "silent" ? 300 : 10_000),
    arrived: Effect.sync(() => seen(stub)),
    heal: Effect.sync(() => {
      stub.act = () => ApnsStub.delivered
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
  const gateway = yield* gatewayAt(port)
  let stub: ApnsStub.ApnsStub | undefined
  const scope = yield* Effect.scope
  return {
    gateway,
    arrived: Effect.sync(() => (stub ? seen(stub) : [])),
    heal: ApnsStub.make({ port, tls }).pipe(
      Effect.tap((it) => {
        stub = it
      }),
      Effect.provideService(Scope.Scope, scope),
      Effect.asVoid
    )
  }
})

const distrusting = Effect.gen(function* () {
  const stub = yield* ApnsStub.make({ tls: TestCertificate.make("127.0.0.1") })
  return {
    gateway: yield* gatewayAt(stub.port),
    arrived: Effect.sync(() => seen(stub)),
    heal: Effect.sync(() => stub.present(tls))
  }
})

gatewaySuite(
  "apns",
  [...(Object.keys(ACTS) as Array<Trouble>), "refused connection", "untrusted certificate"],
  (trouble) =>
    trouble === "refused connection"
      ? refusing
      : trouble === "untrusted certificate"
        ? distrusting
        : acting(trouble),
  ["iOS"]
)

const down = expect.objectContaining({ _tag: "GatewayDown" })

const started = Effect.fnUntraced(function* (
  act: ApnsStub.ApnsStub["act"] = () => ApnsStub.delivered,
  more: Partial<ApnsStub.ApnsStubOptions> = {}
) {
  const stub = yield* ApnsStub.make({ tls, keys, ...more })
  stub.act = act
  const gateway = yield* gatewayAt(stub.port)
  const send = (one: PushNotification) => Effect.map(gateway.send([one]), ([verdict]) => verdict)
  const sendAtOnce = (count: number, first = 0) =>
    Effect.forEach(
      Array.from({ length: count }, (_, n) => notification(first + n)),
      send,
      { concurrency: "unbounded" }
    )
  return { stub, gateway, send, sendAtOnce }
})

describe("what goes to APNs", () => {
  const headersOf = (one: PushNotification) =>
    Effect.gen(function* () {
      const { send, stub } = yield* started()
      expect(yield* send(one)).toEqual(Verdict.Delivered())
      return stub.requests[0]!.headers
    })

  it.scopedLive("is an alert of high priority that replaces its own repeat", () =>
    Effect.gen(function* () {
      expect(yield* headersOf(notification(1))).toMatchObject({
        ":path": "/3/device/token-1",
        "apns-topic": "com.example.mail",
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-collapse-id": "id-1",
        "apns-expiration": "86400"
      })
    })
  )
  it.scopedLive("is an alert of low priority for a badge alone", () =>
    Effect.gen(function* () {
      const badge = notification(1, { kind: "badge", priority: "normal", payload: { aps: { badge: 3 } } })
      expect(yield* headersOf(badge)).toMatchObject({ "apns-push-type": "alert", "apns-priority": "5" })
    })
  )
  it.scopedLive("is in the background and of low priority when it shows nothing", () =>
    Effect.gen(function* () {
      const silent = notification(1, { kind: "resubscribe", payload: { aps: { "content-available": 1 } } })
      expect(yield* headersOf(silent)).toMatchObject({
        "apns-push-type": "background",
        "apns-priority": "5"
      })
    })
  )
  it.scopedLive("goes nowhere with a token or bundle id that is none, and disturbs nobody else", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started()
      const target = notification(1).target
      for (const wrong of [
        { token: "a\nb" },
        { token: "" },
        { token: "\ud800" },
        { token: "%".repeat(4_096) },
        { bundleId: "a\r\nb: c" }
      ])
        expect((yield* send({ ...notification(1), target: { ...target, ...wrong } }))?._tag).toBe("Rejected")
      expect(yield* send(notification(1, { token: "../3/device/x?y#z" }))).toEqual(Verdict.Delivered())
      expect(yield* send(notification(1, { platform: "Android" }))).toMatchObject({ _tag: "Rejected" })
      expect(stub.requests.map((it) => it.token)).toEqual(["../3/device/x?y#z"])
    })
  )
})

describe("several apps", () => {
  it.scopedLive("each speak with their own key, on connections of their own", () =>
    Effect.gen(function* () {
      const stub = yield* ApnsStub.make({ tls, keys })
      const apps = { "com.other": other.file }
      const gateway = yield* ApnsGateway.make({
        settings: settings(stub.port, {
          keyFile: all(main.file, apps),
          keyId: all("KEY1", { "com.other": "KEY2" }),
          teamId: all("TEAM1", { "com.other": "TEAM2" })
        }),
        tls: { ca: tls.cert }
      })
      const first = notification(1)
      for (const bundleId of ["com.example.mail", "com.other", "com.third"])
        expect(yield* gateway.send([{ ...first, target: { ...first.target, bundleId } }])).toEqual([
          Verdict.Delivered()
        ])
      expect(stub.connections()).toBe(2)
      const tokens = stub.requests.map((it) => it.headers.authorization)
      expect(tokens[0]).toBe(tokens[2])
      expect(tokens[0]).not.toBe(tokens[1])
    })
  )
  it.scopedLive("do not lend their keys to apps that have none", () =>
    Effect.gen(function* () {
      const stub = yield* ApnsStub.make({ tls, keys })
      const only = (value: string): PerApp => ({
        otherwise: undefined,
        apps: new Map([["com.other", value]])
      })
      const gateway = yield* ApnsGateway.make({
        settings: settings(stub.port, {
          keyFile: only(other.file),
          keyId: only("KEY2"),
          teamId: only("TEAM2")
        }),
        tls: { ca: tls.cert }
      })
      expect(yield* gateway.send([notification(1)])).toEqual([
        Verdict.Rejected({ reason: "ENS_APNS_KEY_FILE names no key for this app" })
      ])
      expect(stub.requests).toHaveLength(0)
    })
  )
})

describe("the connection", () => {
  it.scopedLive("is one for all, opened with the first notification", () =>
    Effect.gen(function* () {
      const { sendAtOnce, stub } = yield* started()
      expect(stub.connections()).toBe(0)
      expect(new Set((yield* sendAtOnce(200)).map((it) => it?._tag))).toEqual(new Set(["Delivered"]))
      expect(stub.connections()).toBe(1)
    })
  )
  it.scopedLive("carries no more at once than APNs allows, and loses none for it", () =>
    Effect.gen(function* () {
      const { sendAtOnce, stub } = yield* started(undefined, { streams: 1 })
      expect(yield* sendAtOnce(20)).toEqual(Array.from({ length: 20 }, () => Verdict.Delivered()))
      expect(stub.concurrency()).toBe(1)
      stub.allow(100)
      expect(yield* sendAtOnce(20, 20)).toEqual(Array.from({ length: 20 }, () => Verdict.Delivered()))
      expect([stub.connections(), stub.delivered.length]).toEqual([1, 40])
    })
  )
  it.scopedLive("is replaced when APNs says goodbye, and every notification arrives once", () =>
    Effect.gen(function* () {
      const { sendAtOnce, stub } = yield* started()
      stub.act = () => {
        if (stub.requests.length % 50 === 0) stub.goaway()
        return ApnsStub.delivered
      }
      for (let round = 0; round < 4; round++)
        expect(new Set((yield* sendAtOnce(50, round * 50)).map((it) => it?._tag))).toEqual(
          new Set(["Delivered"])
        )
      expect(stub.connections()).toBeGreaterThan(1)
      expect(new Set(stub.delivered.map((it) => it.token)).size).toBe(200)
      expect(stub.delivered).toHaveLength(200)
    })
  )
  it.scopedLive("that breaks is replaced, and what was under way on it is tried once more", () =>
    Effect.gen(function* () {
      let calls = 0
      const { send, stub } = yield* started(() => (++calls === 1 ? "cut" : ApnsStub.delivered))
      expect(yield* send(notification(1))).toEqual(Verdict.Delivered())
      expect([calls, stub.connections()]).toEqual([2, 2])
      stub.act = () => "cut"
      expect(yield* send(notification(2))).toEqual(down)
      expect(stub.requests).toHaveLength(4)
    })
  )
  it.scopedLive("outlives a request that APNs refuses to begin", () =>
    Effect.gen(function* () {
      let calls = 0
      const { send, stub } = yield* started(() => (++calls === 1 ? "refuse stream" : ApnsStub.delivered))
      expect(yield* send(notification(1))).toEqual(Verdict.Delivered())
      expect(stub.connections()).toBe(1)
    })
  )
  it.scopedLive("outlives a slow answer while others are answered", () =>
    Effect.gen(function* () {
      const stub = yield* ApnsStub.make({ tls, keys })
      const gateway = yield* gatewayAt(stub.port, 500)
      stub.act = ({ token }) => (token === BAD_TOKEN ? "silence" : ApnsStub.delivered)
      const [slow] = yield* Effect.all(
        [
          gateway.send([notification(3)]),
          Effect.repeatN(Effect.delay(gateway.send([notification(1)]), 50), 12)
        ],
        { concurrency: 2 }
      )
      expect(slow).toEqual([down])
      expect(stub.connections()).toBe(1)
    })
  )
  it.scopedLive("to something that does not speak HTTP/2 is no crash", () =>
    Effect.gen(function* () {
      const server = createTlsServer({ ...tls, ALPNProtocols: ["h2"] }, (socket) => {
        socket.on("error", () => {})
        socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")
      }).listen(0, "127.0.0.1")
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      yield* Effect.promise(() => once(server, "listening"))
      const gateway = yield* gatewayAt((server.address() as AddressInfo).port)
      expect(yield* gateway.send([notification(1)])).toEqual([down])
      expect(yield* gateway.send([notification(1)])).toEqual([down])
    })
  )
  it.scoped("that answers no ping is given up", () =>
    Effect.gen(function* () {
      let connections = 0
      const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
      const server = createTlsServer({ ...tls, ALPNProtocols: ["h2"] }, (socket) => {
        connections++
        socket.on("error", () => {})
        socket.resume()
        socket.write(SETTINGS)
      }).listen(0, "127.0.0.1")
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      yield* Effect.promise(() => once(server, "listening"))
      const gateway = yield* gatewayAt((server.address() as AddressInfo).port, 3_600_000)
      const connected = (count: number) =>
        Effect.promise(async () => {
          while (connections < count) await new Promise((resolve) => setTimeout(resolve, 5))
        })
      yield* Effect.forkScoped(gateway.send([notification(1)]))
      yield* connected(1)
      // The client may hear of the connection a little later than the server.
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 50)))
      yield* TestClock.adjust("61 seconds")
      expect(connections).toBe(1)
      yield* TestClock.adjust("10 seconds")
      // What was under way on it is tried once more, on a new one.
      yield* connected(2)
    })
  )
  it.live("closes with the gateway", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started()
      yield* Effect.scoped(Effect.flatMap(gatewayAt(stub.port), (gateway) => gateway.send([notification(1)])))
      while (stub.open() > 0) yield* Effect.sleep(5)
      expect(yield* send(notification(2))).toEqual(Verdict.Delivered())
    }).pipe(Effect.scoped)
  )
})

describe("a burst of refused tokens", () => {
  it.scopedLive("stops the gateway instead of killing the devices, until tokens are accepted again", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started(() => ({ status: 400, reason: "BadDeviceToken" }))
      const verdicts = yield* Effect.forEach(
        Array.from({ length: 30 }, (_, n) => notification(n)),
        send
      )
      expect(verdicts.filter((it) => it?._tag === "TokenDead")).toHaveLength(10)
      expect(verdicts.slice(10)).toEqual(Array.from({ length: 20 }, () => down))
      expect(verdicts.at(-1)).toMatchObject({ reason: expect.stringContaining("refuses most device tokens") })
      stub.act = () => ApnsStub.delivered
      for (let n = 0; n < 40; n++) yield* send(notification(n))
      stub.act = () => ({ status: 400, reason: "DeviceTokenNotForTopic" })
      expect(yield* send(notification(1))).toEqual(Verdict.TokenDead({ since: undefined }))
    })
  )
})

describe("trouble of one app", () => {
  const of = (bundleId: string, n: number) => {
    const one = notification(n)
    return { ...one, target: { ...one.target, bundleId } }
  }
  const waits = Verdict.RetryLater({ after: 60_000 })

  for (const [status, reason] of [
    [403, "BadEnvironmentKeyIdInToken"],
    [400, "TopicDisallowed"]
  ] as const)
    it.scopedLive(`(${reason}) does not stop the others, nor give its notifications up`, () =>
      Effect.gen(function* () {
        const { send, stub } = yield* started()
        const broken = () => ({ status, reason })
        stub.act = ({ token }) => (token === "token-2" ? broken() : ApnsStub.delivered)
        expect(yield* send(of("com.broken", 2))).toEqual(down)
        expect(yield* send(of("com.healthy", 1))).toEqual(Verdict.Delivered())
        expect(yield* send(of("com.broken", 2))).toEqual(waits)
        expect(yield* send(of("com.healthy", 2))).toEqual(down)
      })
    )
  it.scopedLive("whose tokens are refused does not stop the others", () =>
    Effect.gen(function* () {
      const { send } = yield* started(({ token }) =>
        token === "token-1" ? ApnsStub.delivered : { status: 400, reason: "DeviceTokenNotForTopic" }
      )
      yield* send(of("com.healthy", 1))
      const verdicts = yield* Effect.forEach(
        Array.from({ length: 30 }, (_, n) => of("com.made-up", 100 + n)),
        send
      )
      expect(verdicts.slice(10)).toEqual(Array.from({ length: 20 }, () => waits))
    })
  )
})

describe("what the operator is told", () => {
  it.scopedLive("names the host and the setting to check", () =>
    Effect.gen(function* () {
      const { send, stub } = yield* started(() => ({ status: 403, reason: "InvalidProviderToken" }))
      expect(yield* send(notification(1))).toEqual(
        Verdict.GatewayDown({
          reason:
            "APNs at 127.0.0.1 does not accept this ENS (InvalidProviderToken): ENS_APNS_KEY_FILE, ENS_APNS_KEY_ID and ENS_APNS_TEAM_ID must belong together, and the key must not be revoked"
        })
      )
      expect(stub.requests).toHaveLength(1)
    })
  )
})
