import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck, Scope } from "effect"
import * as CnsGateway from "../../../layers/push/CnsGateway.ts"
import { Verdict } from "../../../schemas/Push.ts"
import * as CnsStub from "../../support/CnsStub.ts"
import { notification } from "../../support/Notifications.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"
import { BAD_TOKEN, gatewaySuite, type Rig, type Trouble } from "./GatewaySuite.ts"

const ACTS: { readonly [T in Trouble]?: CnsStub.CnsStub["act"] } = {
  throttled: () => ({ status: 429, headers: { "retry-after": "7" }, body: "slow down, token-1" }),
  "server error": () => ({ status: 500, body: { code: 1000, message: "no token-1 here" } }),
  silent: () => "silence",
  "connection cut": () => "cut",
  "malformed answer": () => ({ body: "<html>Log in to the guest network</html>" }),
  "endless answer": () => ({ body: { status: "x".repeat(1_000_000) } }),
  unauthorized: () => ({
    status: 401,
    body: { code: 2007, message: "Unable to verify if the signer cert as trusted." }
  }),
  "refuses one token": (notifications) =>
    notifications.some((one) => one.deviceToken === BAD_TOKEN)
      ? { status: 400, body: { code: 1001, message: `cannot parse ${BAD_TOKEN}` } }
      : CnsStub.success
}

const seen = (stub: CnsStub.CnsStub) =>
  stub.delivered.map(({ deviceToken, deviceType, payload }) => ({ deviceToken, deviceType, payload }))

const rigOf = (gateway: Rig["gateway"], stub: CnsStub.CnsStub): Rig => ({
  gateway,
  arrived: Effect.sync(() => seen(stub)),
  heal: Effect.sync(() => {
    stub.act = () => CnsStub.success
  })
})

const acting = Effect.fnUntraced(function* (trouble: Trouble | undefined) {
  const stub = yield* CnsStub.make()
  const act = trouble && ACTS[trouble]
  if (act) stub.act = act
  return rigOf(yield* CnsGateway.make({ url: stub.url, timeout: trouble === "silent" ? 300 : 10_000 }), stub)
})

const refusing = Effect.gen(function* () {
  const port = yield* freePort
  const gateway = yield* CnsGateway.make({ url: `http://127.0.0.1:${port}/nws/notify/apns` })
  let stub: CnsStub.CnsStub | undefined
  const scope = yield* Effect.scope
  return {
    gateway,
    arrived: Effect.sync(() => (stub ? seen(stub) : [])),
    heal: CnsStub.make({ port }).pipe(
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
  const stub = yield* CnsStub.make({ tls: TestCertificate.make("127.0.0.1") })
  const gateway = yield* CnsGateway.make({ url: stub.url, connection: { ca: known.cert } })
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
  "cns",
  [...(Object.keys(ACTS) as Array<Trouble>), "refused connection", "untrusted certificate"],
  (trouble) =>
    trouble === "refused connection"
      ? refusing
      : trouble === "untrusted certificate"
        ? distrusting
        : acting(trouble)
)

const started = Effect.fnUntraced(function* (
  options: Partial<CnsGateway.CnsOptions> = {},
  act: CnsStub.CnsStub["act"] = () => CnsStub.success
) {
  const stub = yield* CnsStub.make()
  stub.act = act
  return { stub, gateway: yield* CnsGateway.make({ url: stub.url, ...options }) }
})

const down = expect.objectContaining({ _tag: "GatewayDown" })

describe("what goes to CNS", () => {
  it.scopedLive("is the contract's body", () =>
    Effect.gen(function* () {
      const { gateway, stub } = yield* started()
      yield* gateway.send([notification(1, { platform: "Android", priority: "normal" })])
      expect(stub.requests[0]).toMatchObject({
        url: "/nws/notify/apns",
        headers: { "content-type": "application/json; charset=utf-8" },
        notifications: [
          {
            id: "id-1",
            deviceToken: "token-1",
            deviceType: "Android",
            bundleId: "com.example.mail",
            priority: "normal",
            payload: notification(1, { platform: "Android" }).payload
          }
        ]
      })
      expect(stub.requests[0]!.headers).not.toHaveProperty("authorization")
    })
  )

  it.scopedLive("is signed over the URL's path, without its query", () =>
    Effect.gen(function* () {
      const stub = yield* CnsStub.make()
      const gateway = yield* CnsGateway.make({
        url: `${stub.url}?tenant=1`,
        signer: (path) => Effect.succeed(`CMSURL'1 ${Buffer.from(path).toString("base64")}`)
      })
      yield* gateway.send([notification(1)])
      expect(stub.requests[0]!.url).toBe("/nws/notify/apns?tenant=1")
      expect(stub.requests[0]!.headers.authorization).toBe(
        `CMSURL'1 ${Buffer.from("/nws/notify/apns").toString("base64")}`
      )
    })
  )

  it.scopedLive("goes over few connections that are kept", () =>
    Effect.gen(function* () {
      const { gateway, stub } = yield* started()
      for (let n = 0; n < 20; n++) yield* gateway.send([notification(n)])
      expect(stub.requests).toHaveLength(20)
      expect(stub.connections()).toBeLessThanOrEqual(gateway.slots)
    })
  )
})

describe("where CNS may be", () => {
  const problemOf = (url: string) => Effect.scoped(Effect.flip(CnsGateway.make({ url })))

  it.effect("plain http only on this machine", () =>
    Effect.gen(function* () {
      expect((yield* problemOf("http://cns.example.com/nws")).message).toContain("use https")
      expect((yield* problemOf("http://127.0.0.1.example.com/nws")).message).toContain("use https")
      for (const url of [
        "http://localhost:1/",
        "http://127.9.9.9/",
        "http://[::1]/",
        "https://cns.example.com/"
      ])
        yield* Effect.scoped(CnsGateway.make({ url }))
    })
  )

  it.effect("nothing but a URL", () =>
    Effect.gen(function* () {
      for (const url of ["", "cns.example.com", "ftp://cns.example.com/"])
        expect((yield* problemOf(url)).message).toContain("ENS_CNS_URL")
    })
  )
})

describe("a refused batch", () => {
  it.scopedLive("costs only its culprits, wherever they are", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(FastCheck.boolean(), { minLength: 1, maxLength: 25 }),
          (bad) =>
            Effect.gen(function* () {
              const culprits = new Set(bad.flatMap((it, n) => (it ? [`token-${n}`] : [])))
              const { gateway, stub } = yield* started({}, (notifications) =>
                notifications.some((one) => culprits.has(one.deviceToken))
                  ? { status: 422, body: { code: 1001, message: "bad" } }
                  : CnsStub.success
              )
              const verdicts = yield* gateway.send(bad.map((_, n) => notification(n)))
              expect(verdicts).toEqual(
                bad.map((it) =>
                  it ? Verdict.Rejected({ reason: "HTTP 422, code 1001" }) : Verdict.Delivered()
                )
              )
              expect(stub.requests.length).toBeLessThan(2 * bad.length)
            }).pipe(Effect.scoped, Effect.runPromise)
        ),
        { numRuns: 20 }
      )
    )
  )

  it.scopedLive("is not halved further once CNS is down", () =>
    Effect.gen(function* () {
      const { gateway, stub } = yield* started({}, (notifications) =>
        notifications.length > 2 ? { status: 400, body: { code: 1 } } : { status: 500 }
      )
      const verdicts = yield* gateway.send([1, 2, 3, 4].map((n) => notification(n)))
      expect(verdicts).toEqual([down, down, down, down])
      expect(stub.requests).toHaveLength(2)
    })
  )
})

describe("a broken connection", () => {
  it.scopedLive("is tried once more: the server may have closed it while it was idle", () =>
    Effect.gen(function* () {
      let calls = 0
      const { gateway } = yield* started({}, () => (++calls === 1 ? "cut" : CnsStub.success))
      expect(yield* gateway.send([notification(1)])).toEqual([Verdict.Delivered()])
      expect(calls).toBe(2)
    })
  )
})
