import { createConnection, type Socket } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Metric } from "effect"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import { limitRefusals } from "../../../src/http/Limits.ts"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import { NO_LIMITS } from "../../support/NoLimits.ts"
import { RawHttp } from "../../support/RawHttp.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { TlsFiles } from "../../support/TlsFiles.ts"
import { ListenerFixture } from "./ListenerFixture.ts"

if (TlsFiles.missing) console.warn(`SKIPPED: the limit of TLS connections is not tested: ${TlsFiles.missing}`)

const start = (limits: Partial<SettingsShape["limits"]>, some: Partial<SettingsShape> = {}) =>
  Effect.gen(function* () {
    const services = yield* new ListenerFixture().listen({ ...some, limits: { ...NO_LIMITS, ...limits } })
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
    return { port, connect }
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
  it.scopedLive("of one address above its limit are closed as they come; who hangs up makes room", () =>
    Effect.gen(function* () {
      const { connect } = yield* start({ addressConnections: 2 })
      const before = yield* refusals("addressConnections")
      const first = yield* connect
      const second = yield* connect
      expect([yield* ask(first), yield* ask(second)]).toMatchObject([{ status: 200 }, { status: 200 }])
      for (let i = 0; i < 3; i++) expect(yield* ask(yield* connect)).toBe("closed")
      expect((yield* refusals("addressConnections")) - before).toBe(3)
      first.destroy()
      yield* Effect.sleep("50 millis")
      expect(yield* ask(yield* connect)).toMatchObject({ status: 200 })
      expect(yield* ask(second)).toMatchObject({ status: 200 })
    })
  )

  it.scopedLive("of trusted proxies are many, as they are those of others", () =>
    Effect.gen(function* () {
      const { connect } = yield* start({ addressConnections: 1 }, { trustedProxies: ["127.0.0.1"] })
      const all = yield* Effect.all([connect, connect, connect])
      for (const connection of all) expect(yield* ask(connection)).toMatchObject({ status: 200 })
    })
  )

  it.scopedLive(
    "above the limit of all are closed as they come, and before that the idle ones make room",
    () =>
      Effect.gen(function* () {
        const { connect } = yield* start({ connections: 10 })
        const before = yield* refusals("connections")
        const kept = yield* connect
        expect(yield* ask(kept)).toMatchObject({ keepAlive: "timeout=120" })
        const silent = yield* Effect.all(Array.from({ length: 8 }, () => connect))
        expect(yield* ask(kept)).toMatchObject({ keepAlive: "timeout=5" })
        // The tenth: who is between two requests has to go.
        const tenth = yield* connect
        expect(yield* Effect.promise(() => kept.ended())).toBe("")
        expect(yield* ask(tenth)).toMatchObject({ status: 200 })
        const eleventh = yield* connect
        expect(yield* ask(eleventh)).toMatchObject({ status: 200 })
        expect(yield* ask(yield* connect)).toBe("closed")
        expect((yield* refusals("connections")) - before).toBe(1)
        for (const connection of silent) connection.destroy()
        yield* Effect.sleep("50 millis")
        expect(yield* ask(tenth)).toMatchObject({ keepAlive: "timeout=120" })
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
        false,
        false,
        true
      ])
      sockets[0]?.destroy()
      yield* Effect.sleep("50 millis")
      const next = createConnection({ port, host: "127.0.0.1" }).on("error", () => {})
      expect(yield* closed(next)).toBe(false)
      next.destroy()
    })
  )
})
