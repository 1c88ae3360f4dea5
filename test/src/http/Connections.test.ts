import { createConnection, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer, Metric } from "effect"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import { CallbackListener } from "../../../src/http/CallbackListener.ts"
import * as DeviceRoutes from "../../../src/http/DeviceRoutes.ts"
import { limitRefusals } from "../../../src/http/Limits.ts"
import * as Listener from "../../../src/http/PublicListener.ts"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import * as Device from "../../support/DeviceApiFixture.ts"
import { NO_LIMITS } from "../../support/NoLimits.ts"
import { RawHttp } from "../../support/RawHttp.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { noTls, TlsFiles } from "../../support/TlsFiles.ts"
import { heartbeat } from "./Bodies.ts"
import { ListenerFixture } from "./ListenerFixture.ts"

if (TlsFiles.missing) console.warn(`SKIPPED: the limit of TLS connections is not tested: ${TlsFiles.missing}`)

const start = (limits: Partial<SettingsShape["limits"]>, some: Partial<SettingsShape> = {}) =>
  Effect.gen(function* () {
    const exchange = new ListenerFixture()
    const services = yield* exchange.listen({ ...some, limits: { ...NO_LIMITS, ...limits } })
    const { port } = Context.get(services, PublicListener)
    const open: Array<RawHttp> = []
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const connection of open) connection.destroy()
      })
    )
    const connect = Effect.promise(async () => {
      const connection = await RawHttp.connect(port)
      open.push(connection)
      return connection
    })
    /** The status that a heartbeat gets on the connection. */
    const beat = (connection: RawHttp, target = exchange.url()) =>
      Effect.promise(async () => {
        connection.send("POST", target, heartbeat())
        return (await connection.response()).status
      })
    return { port, connect, beat, url: exchange.url() }
  })

/** What a request on the connection hears; `closed`: nothing. */
const ask = (connection: RawHttp) =>
  Effect.promise(async () => {
    connection.send("GET", "/x")
    return connection.response().then(
      ({ headers, status }) => ({ status, keepAlive: headers.get("keep-alive")?.split(",")[0] }),
      () => "closed" as const
    )
  })

const refusals = (limit: keyof typeof limitRefusals) =>
  Effect.map(Metric.value(limitRefusals[limit]), ({ count }) => count)

describe("connections", () => {
  it.scopedLive("of one address above its limit, if all have proven something, are closed as they come", () =>
    Effect.gen(function* () {
      const { beat, connect } = yield* start({ addressConnections: 2 })
      const before = yield* refusals("addressConnections")
      const first = yield* connect
      const second = yield* connect
      expect([yield* beat(first), yield* beat(second)]).toEqual([200, 200])
      for (let i = 0; i < 3; i++) expect(yield* ask(yield* connect)).toBe("closed")
      expect((yield* refusals("addressConnections")) - before).toBe(3)
      first.destroy()
      yield* Effect.sleep("50 millis")
      expect(yield* ask(yield* connect)).toMatchObject({ status: 200 })
      expect(yield* ask(second)).toMatchObject({ status: 200 })
    })
  )

  it.scopedLive("of one address above its limit make room, the oldest that has proven nothing first", () =>
    Effect.gen(function* () {
      const { beat, connect, url } = yield* start({ addressConnections: 4 })
      const before = yield* refusals("addressConnections")
      const exchange = yield* connect
      expect(yield* beat(exchange)).toBe(200)
      // An answer proves nothing, and neither does a callback that is forged or not whole.
      const stranger = yield* connect
      expect(yield* ask(stranger)).toMatchObject({ status: 200 })
      const forger = yield* connect
      expect(yield* beat(forger, `${url.slice(0, -8)}AAAAAAAA`)).toBe(200)
      const half = yield* connect
      half.write(`POST ${url} HTTP/1.1\r\nHost: ens.test\r\nContent-Length: 9\r\n\r\n`)
      yield* Effect.sleep("50 millis")
      const newcomers: Array<RawHttp> = []
      for (const old of [stranger, forger, half]) {
        newcomers.push(yield* connect)
        expect(yield* Effect.promise(() => old.ended())).toBe("")
      }
      expect((yield* refusals("addressConnections")) - before).toBe(3)
      expect(yield* beat(exchange)).toBe(200)
      for (const newcomer of newcomers) expect(yield* ask(newcomer)).toMatchObject({ status: 200 })
    })
  )

  it.scopedLive(
    "of Exchange are there to stay, and new ones get in, beside 2,000 silent ones of its address",
    () =>
      Effect.gen(function* () {
        const { beat, connect, port } = yield* start({ addressConnections: 1_000 })
        const kept = yield* Effect.all(Array.from({ length: 8 }, () => connect))
        for (const connection of kept) expect(yield* beat(connection)).toBe(200)
        const silent = yield* Effect.acquireRelease(
          Effect.promise(() => silentOnes(port, 2_000)),
          (all) =>
            Effect.sync(() => {
              for (const socket of all) socket.destroy()
            })
        )
        while (silent.filter(({ destroyed }) => !destroyed).length > 992) yield* Effect.sleep("20 millis")
        expect(yield* beat(yield* connect)).toBe(200)
        for (const connection of kept) expect(yield* beat(connection)).toBe(200)
      })
  )

  it.scopedLive("with a known API token are not those that make room", () =>
    Effect.gen(function* () {
      yield* Device.makeToken()
      const app = yield* DeviceRoutes.app
      const services = yield* Layer.build(Listener.layer(app).pipe(Layer.provide(noCallbacks)))
      const { port } = Context.get(services, PublicListener)
      const connect = Effect.acquireRelease(
        Effect.promise(() => RawHttp.connect(port)),
        (connection) => Effect.sync(() => connection.destroy())
      )
      const status = (connection: RawHttp, token: string) =>
        Effect.promise(async () => {
          const body = JSON.stringify({ userId: Device.USER_ID })
          connection.send("POST", "/api/ens/getsubscriptionstatus", body, { ENSAPIToken: token })
          return (await connection.response()).status
        })
      const phone = yield* connect
      const stranger = yield* connect
      expect([yield* status(phone, Device.TOKEN), yield* status(stranger, "another")]).toEqual([404, 401])
      yield* connect
      expect(yield* Effect.promise(() => stranger.ended())).toBe("")
      yield* connect
      expect(yield* status(phone, Device.TOKEN)).toBe(404)
    }).pipe(
      Effect.provide(
        Device.layer({
          host: "127.0.0.1",
          port: 0,
          publicUrl: "http://127.0.0.1/api/ens",
          tls: noTls,
          trustedProxies: [],
          limits: { ...NO_LIMITS, addressConnections: 2 }
        })
      )
    )
  )

  it.scopedLive("of trusted proxies are many, as they are those of others", () =>
    Effect.gen(function* () {
      const { connect } = yield* start({ addressConnections: 1 }, { trustedProxies: ["127.0.0.1"] })
      const all = yield* Effect.all([connect, connect, connect])
      for (const connection of all) expect(yield* ask(connection)).toMatchObject({ status: 200 })
    })
  )

  it.scopedLive("above the limit of all make room, too, and are not kept for long before that", () =>
    Effect.gen(function* () {
      const { beat, connect } = yield* start({ connections: 10 })
      const before = yield* refusals("connections")
      const exchange = yield* connect
      expect(yield* beat(exchange)).toBe(200)
      const kept = yield* connect
      expect(yield* ask(kept)).toMatchObject({ keepAlive: "timeout=120" })
      const silent = yield* Effect.all(Array.from({ length: 7 }, () => connect))
      expect(yield* ask(kept)).toMatchObject({ keepAlive: "timeout=5" })
      const tenth = yield* connect
      expect(yield* ask(tenth)).toMatchObject({ status: 200 })
      expect(yield* ask(yield* connect)).toMatchObject({ status: 200 })
      expect(yield* Effect.promise(() => kept.ended())).toBe("")
      expect((yield* refusals("connections")) - before).toBe(1)
      expect(yield* beat(exchange)).toBe(200)
      for (const connection of silent) connection.destroy()
      yield* Effect.sleep("50 millis")
      expect(yield* ask(tenth)).toMatchObject({ keepAlive: "timeout=120" })
    })
  )

  it.scopedLive(
    "above the limit of all are closed if all have proven something, and the idle ones make room",
    () =>
      Effect.gen(function* () {
        const { beat, connect } = yield* start({ connections: 10 })
        const before = yield* refusals("connections")
        const proven = yield* Effect.all(Array.from({ length: 9 }, () => connect))
        for (const connection of proven) {
          expect(yield* beat(connection)).toBe(200)
          connection.write("POST /x HTTP/1.1\r\n")
        }
        const tenth = yield* connect
        expect(yield* beat(tenth)).toBe(200)
        expect(yield* ask(yield* connect)).toBe("closed")
        expect((yield* refusals("connections")) - before).toBe(1)
        // Between two requests is none but the tenth.
        expect(yield* Effect.promise(() => tenth.ended())).toBe("")
        expect(yield* ask(yield* connect)).toMatchObject({ status: 200 })
      })
  )

  it.scopedLive.skipIf(TlsFiles.missing)("over TLS make room, too, and are proven by what they carry", () =>
    Effect.gen(function* () {
      const { port, url } = yield* start(
        { addressConnections: 2 },
        { tls: new TlsFiles(yield* temporaryDirectory).make("ens") }
      )
      const connect = Effect.acquireRelease(
        Effect.async<Socket>((resume) => {
          const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }, () =>
            resume(Effect.succeed(socket))
          ).on("error", () => {})
        }),
        (socket) => Effect.sync(() => socket.destroy())
      )
      const beat = (socket: Socket) =>
        Effect.async<string>((resume) => {
          const ended = () => resume(Effect.succeed("closed"))
          if (socket.destroyed) return ended()
          socket.once("close", ended)
          socket.once("data", (answer: Buffer) => {
            socket.off("close", ended)
            resume(Effect.succeed(answer.toString("latin1").slice(9, 12)))
          })
          const body = heartbeat()
          socket.write(
            `POST ${url} HTTP/1.1\r\nHost: ens.test\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
          )
        })
      const exchange = yield* connect
      expect(yield* beat(exchange)).toBe("200")
      const silent = yield* connect
      expect(yield* beat(yield* connect)).toBe("200")
      expect(yield* beat(silent)).toBe("closed")
      expect(yield* beat(exchange)).toBe("200")
      const late = createConnection({ port, host: "127.0.0.1" }).on("error", () => {})
      expect(
        yield* Effect.promise(() => new Promise((resolve) => late.once("close", () => resolve("closed"))))
      ).toBe("closed")
    })
  )

  it.scopedLive.skipIf(TlsFiles.missing)("over TLS are closed before a handshake", () =>
    Effect.gen(function* () {
      const { port } = yield* start(
        { addressConnections: 2 },
        { tls: new TlsFiles(yield* temporaryDirectory).make("ens") }
      )
      const closed = (socket: Socket) =>
        Effect.async<boolean>((resume) => {
          const timer = setTimeout(() => resume(Effect.succeed(false)), 300)
          socket.once("close", () => {
            clearTimeout(timer)
            resume(Effect.succeed(true))
          })
        })
      const sockets = yield* Effect.acquireRelease(
        Effect.sync(() =>
          Array.from({ length: 3 }, () => createConnection({ port, host: "127.0.0.1" }).on("error", () => {}))
        ),
        (all) =>
          Effect.sync(() => {
            for (const socket of all) socket.destroy()
          })
      )
      expect(yield* Effect.forEach(sockets, closed, { concurrency: "unbounded" })).toEqual([
        true,
        false,
        false
      ])
      sockets[1]?.destroy()
      yield* Effect.sleep("50 millis")
      const next = createConnection({ port, host: "127.0.0.1" }).on("error", () => {})
      expect(yield* closed(next)).toBe(false)
      next.destroy()
    })
  )
})

const noCallbacks = Layer.succeed(CallbackListener, {
  take: () => false,
  inHand: () => 0,
  giveBack: Effect.void
})

/** Connections of which nothing is heard, made as fast as they are taken. */
const silentOnes = async (port: number, count: number): Promise<ReadonlyArray<Socket>> => {
  const all: Array<Socket> = []
  while (all.length < count) {
    const some = Array.from({ length: 100 }, () => createConnection({ port, host: "127.0.0.1" }))
    await Promise.all(
      some.map(
        (socket) =>
          new Promise((resolve) => {
            socket.on("error", () => {}).resume()
            socket.once("connect", resolve).once("close", resolve)
          })
      )
    )
    all.push(...some)
  }
  return all
}
