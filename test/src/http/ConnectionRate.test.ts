import { connect as connectTcp } from "node:net"
import { connect as connectTls, type TLSSocket } from "node:tls"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Metric, TestClock } from "effect"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import { limitRefusals } from "../../../src/http/Limits.ts"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import { NO_LIMITS } from "../../support/NoLimits.ts"
import { RawHttp } from "../../support/RawHttp.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { TlsFiles } from "../../support/TlsFiles.ts"
import { heartbeat } from "./Bodies.ts"
import { ListenerFixture } from "./ListenerFixture.ts"

if (TlsFiles.missing) console.warn(`SKIPPED: the rate of TLS handshakes is not tested: ${TlsFiles.missing}`)

const limits = { ...NO_LIMITS, handshakes: { count: 2, per: 60_000, burst: 2 } }

const start = (some: Partial<SettingsShape> = {}) =>
  Effect.gen(function* () {
    const tls = new TlsFiles(yield* temporaryDirectory).make("ens")
    const exchange = new ListenerFixture()
    const services = yield* exchange.listen({ tls, limits, ...some })
    const { port } = Context.get(services, PublicListener)
    /** The status that a heartbeat gets on a connection of its own, which is left open. */
    const beat = Effect.acquireRelease(
      Effect.async<readonly [status: string, socket: TLSSocket]>((resume) => {
        const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
        const body = heartbeat()
        socket.write(
          `POST ${exchange.url()} HTTP/1.1\r\nHost: ens.test\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
        )
        socket.once("data", (answer: Buffer) =>
          resume(Effect.succeed([answer.toString("latin1").slice(9, 12), socket]))
        )
        socket.on("error", () => resume(Effect.succeed(["closed", socket])))
      }),
      ([, socket]) => Effect.sync(() => socket.destroy())
    )
    /** Whether a handshake succeeds. */
    const shake = Effect.async<boolean>((resume) => {
      // The server is our own, and signs itself.
      const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
      const end = (done: boolean) => {
        socket.destroy()
        resume(Effect.succeed(done))
      }
      socket.once("secureConnect", () => end(true)).on("error", () => end(false))
    })
    return { port, shake, beat }
  })

describe("new connections of one address", () => {
  it.scoped.skipIf(TlsFiles.missing)("over TLS are closed before the handshake if they are too many", () =>
    Effect.gen(function* () {
      const { port, shake } = yield* start()
      const before = (yield* Metric.value(limitRefusals.handshakes)).count
      expect([yield* shake, yield* shake, yield* shake]).toEqual([true, true, false])
      // Not one byte, not even an alert.
      const heard = yield* Effect.async<number>((resume) => {
        let bytes = 0
        connectTcp({ port, host: "127.0.0.1" })
          .on("error", () => {})
          .on("data", (data) => {
            bytes += data.length
          })
          .once("close", () => resume(Effect.succeed(bytes)))
      })
      expect(heard).toBe(0)
      expect((yield* Metric.value(limitRefusals.handshakes)).count).toBe(before + 2)
      yield* TestClock.adjust("30 seconds")
      expect([yield* shake, yield* shake]).toEqual([true, false])
    })
  )

  it.scoped.skipIf(TlsFiles.missing)("do not count if they prove to be Exchange's", () =>
    Effect.gen(function* () {
      const { beat, shake } = yield* start()
      for (let i = 0; i < 9; i++) {
        const [status, socket] = yield* Effect.scoped(beat)
        expect(status).toBe("200")
        yield* Effect.async<void>((resume) => {
          if (socket.closed) return resume(Effect.void)
          socket.once("close", () => resume(Effect.void))
        })
      }
      expect([yield* shake, yield* shake, yield* shake]).toEqual([true, true, false])
    })
  )

  it.scoped.skipIf(TlsFiles.missing)(
    "are let in beside a proven one, however many others come from there",
    () =>
      Effect.gen(function* () {
        const { beat, shake } = yield* start()
        const [status] = yield* beat
        expect(status).toBe("200")
        expect([yield* shake, yield* shake, yield* shake, yield* shake]).toEqual([true, true, true, true])
        const [another] = yield* beat
        expect(another).toBe("200")
      })
  )

  it.scoped.skipIf(TlsFiles.missing)("are as many as they like if it is a trusted proxy", () =>
    Effect.gen(function* () {
      const { shake } = yield* start({ trustedProxies: ["127.0.0.1"] })
      expect([yield* shake, yield* shake, yield* shake]).toEqual([true, true, true])
    })
  )

  it.scoped("without TLS are not counted", () =>
    Effect.gen(function* () {
      const services = yield* new ListenerFixture().listen({ limits })
      for (let i = 0; i < 4; i++) {
        const connection = yield* Effect.promise(() =>
          RawHttp.connect(Context.get(services, PublicListener).port)
        )
        connection.send("GET", "/healthz")
        expect((yield* Effect.promise(() => connection.response())).status).toBe(200)
        connection.destroy()
      }
    })
  )
})
