import { EventEmitter } from "node:events"
import { Server } from "node:http"
import { describe, expect, it, vi } from "@effect/vitest"
import { Effect, Layer, TestClock } from "effect"
import { type GatewayHealth, Push } from "../../../layers/push/Push.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { ResponseCode } from "../../../schemas/ResponseCode.ts"
import { freePorts } from "../../../src/demo/FreePorts.ts"
import * as Admin from "../../../src/http/Admin.ts"
import * as DeviceRoutes from "../../../src/http/DeviceRoutes.ts"
import { version } from "../../../src/Instance.ts"
import { layer, makeToken, open, serveHere, USER_ID } from "../../support/DeviceApiFixture.ts"
import { SubscriptionScript } from "../../support/FakeSubscriptions.ts"
import { StorageFaults } from "../../support/FaultyStorage.ts"

const well: GatewayHealth = {
  gateway: "log",
  up: true,
  downSince: undefined,
  lastError: undefined,
  lastErrorAt: undefined,
  underWay: 0,
  waiting: 0,
  oldestWaiting: undefined,
  stalledSince: undefined,
  expires: []
}
const push = Layer.mock(Push, {
  isUp: () => true,
  post: () => () => {},
  health: Effect.succeed<ReadonlyArray<GatewayHealth>>([
    {
      ...well,
      gateway: "cns",
      up: false,
      downSince: 1000,
      lastError: "refused",
      lastErrorAt: 2000,
      underWay: 4,
      waiting: 7,
      oldestWaiting: 500,
      stalledSince: 1500,
      expires: [{ what: "cns", at: 3000 }]
    },
    well
  ])
})
const services = Layer.merge(layer(), push)
const admin = Effect.flatMap(Admin.app, serveHere)

describe("the admin listener", () => {
  it.scoped("gives metrics in Prometheus's form, with those of the device API", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* post("unregister", {}, { ENSAPIToken: "wrong" })
      const { send } = yield* admin
      const got = yield* send("/metrics")
      expect(got.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/)
      expect(got.text).toMatch(/^ens_device_requests_total\{[^}]*code="UnauthorizedRequest"[^}]*\} \d+$/m)
      expect(got.text).toMatch(/^process_resident_memory_bytes \d+$/m)
      expect(got.text).toContain("ens_storage_up 1\n")
      expect(got.text).toContain("ens_outbox_entries 0\n")
      expect(got.text).toContain('ens_push_gateway_stalled{gateway="cns"} 1\n')
      expect(got.text).toContain('ens_push_gateway_stalled{gateway="log"} 0\n')
      expect(got.text).toMatch(/^ens_push_oldest_waiting_seconds\{gateway="cns"\} \d/m)
    }).pipe(Effect.provide(services))
  )

  it.scoped("still gives metrics while storage is away", () =>
    Effect.gen(function* () {
      const faults = yield* StorageFaults
      faults.down(true)
      const { send } = yield* admin
      expect((yield* send("/metrics")).text).toContain("ens_storage_up 0\n")
    }).pipe(Effect.provide(services))
  )

  it.scoped("details readiness, for which gateways do not count", () =>
    Effect.gen(function* () {
      const { send } = yield* admin
      const got = yield* send("/readyz")
      expect(got.status).toBe(200)
      expect(got.json).toMatchObject({
        ready: true,
        accepting: true,
        storage: "reachable",
        actors: "loaded",
        database: "memory",
        subscriptions: 3,
        outbox: { entries: 0, oldest: null },
        gateways: [
          {
            gateway: "cns",
            up: false,
            stalled: true,
            downSince: "1970-01-01T00:00:01.000Z",
            stalledSince: "1970-01-01T00:00:01.500Z",
            lastError: "refused",
            lastErrorAt: "1970-01-01T00:00:02.000Z",
            underWay: 4,
            waiting: 7,
            oldestWaiting: "1970-01-01T00:00:00.500Z",
            expires: [{ what: "cns", at: "1970-01-01T00:00:03.000Z" }]
          },
          { gateway: "log", up: true, stalled: false, lastError: null, downSince: null, expires: [] }
        ],
        version
      })
      const script = yield* SubscriptionScript
      const faults = yield* StorageFaults
      script.setLoaded(false)
      faults.down(true)
      const away = yield* send("/readyz")
      expect(away.status).toBe(503)
      expect(away.json).toMatchObject({
        ready: false,
        storage: "unreachable",
        actors: "loading",
        outbox: null
      })
    }).pipe(Effect.provide(services))
  )

  it.scoped("reads the API tokens anew when it is asked to, so that a revoked one is refused at once", () =>
    Effect.gen(function* () {
      const { send } = yield* admin
      const { post } = yield* open
      const { id } = yield* makeToken()
      expect((yield* post("getpublickey", { userId: USER_ID })).status).toBe(200)
      yield* Effect.flatMap(Storage, (storage) => storage.revokeToken(id))
      yield* TestClock.adjust("1 seconds")
      expect((yield* send("/tokens/refresh", { method: "POST" })).status).toBe(204)
      yield* TestClock.adjust("1 seconds")
      expect((yield* post("getpublickey", { userId: USER_ID })).status).toBe(401)
      expect((yield* send("/tokens/refresh")).status).toBe(404)
      const faults = yield* StorageFaults
      faults.down(true)
      yield* TestClock.adjust("1 seconds")
      expect((yield* send("/tokens/refresh", { method: "POST" })).status).toBe(503)
    }).pipe(Effect.provide(services))
  )

  it.scoped("describes the device API as it is served", () =>
    Effect.gen(function* () {
      const { send } = yield* admin
      const { json } = yield* send("/openapi.json")
      const spec = json as {
        openapi: string
        servers: Array<{ url: string }>
        paths: Record<string, { post: { responses: Record<string, object>; requestBody: object } }>
      }
      expect(spec.openapi).toMatch(/^3\.1/)
      expect(spec.servers.map(({ url }) => url)).toContain("https://ens.example.com/api/ens")
      expect(JSON.stringify(spec)).not.toContain("HttpApiDecodeError")
      const { post } = yield* open
      yield* makeToken()
      for (const [path, { post: operation }] of Object.entries(spec.paths)) {
        const got = yield* post(`/api/ens${path}`, { userId: USER_ID })
        expect(got.status, path).not.toBe(405)
        expect(operation.responses, path).toHaveProperty(String(got.status))
        expect(JSON.stringify(operation.requestBody), path).toContain('"userId"')
      }
      expect(Object.keys(spec.paths)).toHaveLength(5)
      // Code 21 is for logs and metrics only.
      const documented = JSON.stringify(spec.paths)
      for (const [name, { code }] of Object.entries(ResponseCode)) {
        expect(documented.includes(`${code} ${name}`), name).toBe(name !== "EmailFetchfailed")
      }
    }).pipe(Effect.provide(services))
  )

  it.scoped("has a documentation page that loads nothing from elsewhere", () =>
    Effect.gen(function* () {
      const { send } = yield* admin
      const got = yield* send("/docs")
      expect(got.status).toBe(200)
      expect(got.text).toContain("registerdevicev2")
      expect(got.text).not.toMatch(/<(script|link)[^>]*(src|href)=/)
    }).pipe(Effect.provide(services))
  )

  it.scoped("shares no routes with the public one, though both are built in one process", () =>
    Effect.gen(function* () {
      yield* Layer.build(
        Layer.effectDiscard(
          Effect.gen(function* () {
            const one = yield* Effect.flatMap(DeviceRoutes.app, serveHere)
            const other = yield* Effect.flatMap(Admin.app, serveHere)
            for (const path of ["/metrics", "/docs", "/openapi.json"]) {
              expect((yield* one.send(path)).status, path).toBe(404)
              expect((yield* other.send(path)).status, path).toBe(200)
            }
            expect((yield* one.send("/api/ens/alive")).status).toBe(200)
            expect((yield* other.send("/api/ens/alive")).status).toBe(404)
          })
        )
      )
    }).pipe(Effect.provide(services))
  )

  it.scopedLive("hears whoever comes as soon as it listens, before its pages are read", () =>
    Effect.gen(function* () {
      const [port = 0] = yield* freePorts(1)
      const hearing: Array<number> = []
      const emit = vi.spyOn(Server.prototype, "emit").mockImplementation(function (
        this: Server,
        event: string | symbol,
        ...more: ReadonlyArray<unknown>
      ) {
        if (event === "listening") hearing.push(this.listenerCount("request"))
        return EventEmitter.prototype.emit.call(this, event, ...more)
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => emit.mockRestore()))
      yield* Layer.build(Admin.layer).pipe(
        Effect.provide(Layer.merge(layer({ adminHost: "127.0.0.1", adminPort: port }), push))
      )
      expect(hearing).toEqual([1])
      const answer = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/healthz`))
      expect(answer.status).toBe(200)
    })
  )
})
