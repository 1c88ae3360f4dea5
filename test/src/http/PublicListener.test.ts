import { createServer } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Scope, TestClock } from "effect"
import { Intake } from "../../../src/http/Intake.ts"
import { ListenError } from "../../../src/http/ListenError.ts"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import { RawHttp } from "../../support/RawHttp.ts"
import { heartbeat } from "./Bodies.ts"
import { ListenerFixture, slow } from "./ListenerFixture.ts"

const start = Effect.gen(function* () {
  const fixture = new ListenerFixture()
  const services = yield* fixture.listen()
  const listener = Context.get(services, PublicListener)
  const connect = Effect.promise(() => RawHttp.connect(listener.port))
  return { fixture, listener, connect, intake: Context.get(services, Intake) }
})

const response = (connection: RawHttp) => Effect.promise(() => connection.response())

describe("public listener", () => {
  it.scopedLive("gives what is not a callback to the app, on the same connection", () =>
    Effect.gen(function* () {
      const { connect, fixture } = yield* start
      const connection = yield* connect
      connection.send("GET", "/api/ens/alive")
      expect((yield* response(connection)).body).toBe("app /api/ens/alive")
      connection.send("POST", fixture.url(), heartbeat())
      expect((yield* response(connection)).body).toContain("OK")
      connection.send("POST", "/api/ens/getpublickey", "{}")
      expect((yield* response(connection)).body).toBe("app /api/ens/getpublickey")
      connection.destroy()
    })
  )

  it.scopedLive("says which setting to change when its port is taken", () =>
    Effect.gen(function* () {
      const other = createServer()
      yield* Effect.acquireRelease(
        Effect.async<void>((resume) => {
          other.listen(0, "127.0.0.1", () => resume(Effect.void))
        }),
        () => Effect.sync(() => other.close())
      )
      const port = (other.address() as { port: number }).port
      const error = yield* Effect.flip(new ListenerFixture().listen({ port }))
      expect(error).toBeInstanceOf(ListenError)
      expect(error.message).toBe(
        `127.0.0.1:${port} is in use by another process; stop it, or set ENS_PORT to a free port`
      )
    })
  )

  it.scopedLive("tells a client that asks first to go on, as .NET does", () =>
    Effect.gen(function* () {
      const { connect, fixture } = yield* start
      const connection = yield* connect
      const body = heartbeat()
      connection.send("POST", fixture.url(), "", {
        "Content-Length": `${Buffer.byteLength(body)}`,
        Expect: "100-continue"
      })
      expect((yield* response(connection)).status).toBe(100)
      connection.write(body)
      expect((yield* response(connection)).body).toContain("OK")
      connection.destroy()
    })
  )

  it.scopedLive("takes as many headers as any proxy adds, and no masses of them", () =>
    Effect.gen(function* () {
      const { connect } = yield* start
      const headers = (count: number) =>
        Object.fromEntries(Array.from({ length: count }, (_, at) => [`X-Header-${at}`, "1"]))
      const connection = yield* connect
      connection.send("GET", "/x", "", headers(90))
      expect((yield* response(connection)).status).toBe(200)
      connection.send("GET", "/x", "", headers(150))
      expect(yield* Effect.promise(() => connection.ended())).toMatch(/^HTTP\/1.1 431 /)
    })
  )

  it.scopedLive("refuses headers of more than 16 KiB", () =>
    Effect.gen(function* () {
      const { connect } = yield* start
      const connection = yield* connect
      connection.send("GET", "/api/ens/alive", "", { "X-Big": "x".repeat(17_000) })
      expect(yield* Effect.promise(() => connection.ended())).toContain("431")
    })
  )
})

describe("draining", () => {
  it.scopedLive("lets what is in hand finish, then closes its connection", () =>
    Effect.gen(function* () {
      const { connect, fixture, listener } = yield* start
      fixture.autoReply = undefined
      const connection = yield* connect
      connection.send("POST", fixture.url(), heartbeat())
      const { reply } = yield* Effect.promise(() => fixture.arrival())
      const draining = yield* Effect.fork(listener.drain)
      yield* Effect.sleep("100 millis")
      reply("Ok")
      const answer = yield* response(connection)
      expect(answer.body).toContain("OK")
      expect(answer.headers.get("connection")).toBe("close")
      yield* Fiber.join(draining)
      yield* Effect.promise(() => connection.ended())
    })
  )

  it.scopedLive("waits for the app's answers too, although they do not close the connection", () =>
    Effect.gen(function* () {
      const { connect, listener } = yield* start
      const connection = yield* connect
      connection.send("GET", "/slow")
      yield* Effect.sleep("50 millis")
      const draining = yield* Effect.fork(listener.drain)
      yield* Effect.sleep("100 millis")
      slow.go()
      expect((yield* response(connection)).body).toBe("app /slow")
      // Well under the 10 s after which it would be cut.
      yield* Fiber.join(draining).pipe(Effect.timeout("6 seconds"))
    })
  )

  it.scoped("gives back to Exchange after 5 s what does not finish, and cuts everything else", () =>
    Effect.gen(function* () {
      const { connect, fixture, listener } = yield* start
      fixture.autoReply = undefined
      const callback = yield* connect
      callback.send("POST", fixture.url(), heartbeat())
      const { reply } = yield* Effect.promise(() => fixture.arrival())
      const device = yield* connect
      device.send("GET", "/slow")
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 50)))
      const draining = yield* Effect.fork(listener.drain)
      yield* TestClock.adjust("4 seconds")
      expect(draining.unsafePoll()).toBeNull()
      const closing = yield* Effect.fork(
        Effect.forever(Effect.zipRight(TestClock.adjust("100 millis"), Effect.yieldNow()))
      )
      const answer = yield* response(callback)
      expect([answer.status, answer.headers.get("connection")]).toEqual([503, "close"])
      yield* Fiber.join(draining)
      yield* Fiber.interrupt(closing)
      expect(yield* Effect.promise(() => device.ended())).toBe("")
      reply("Ok")
    })
  )

  it.scopedLive(
    "goes on listening while something is in hand: new callbacks get 503, readiness says no",
    () =>
      Effect.gen(function* () {
        const { connect, fixture, listener } = yield* start
        fixture.autoReply = undefined
        const first = yield* connect
        first.send("POST", fixture.url(), heartbeat())
        const { reply } = yield* Effect.promise(() => fixture.arrival())
        const draining = yield* Effect.fork(listener.drain)
        yield* Effect.sleep("50 millis")
        const late = yield* connect
        late.send("POST", fixture.url("8"), heartbeat())
        const refused = yield* response(late)
        expect([refused.status, refused.headers.get("connection")]).toEqual([503, "close"])
        reply("Ok")
        expect((yield* response(first)).status).toBe(200)
        yield* Fiber.join(draining)
      })
  )

  it.scopedLive("answers 503 and closes on connections that still send", () =>
    Effect.gen(function* () {
      const { connect, fixture, intake } = yield* start
      yield* intake.close
      const callback = yield* connect
      callback.send("POST", fixture.url(), heartbeat())
      const refused = yield* response(callback)
      expect(refused.status).toBe(503)
      expect(refused.headers.get("connection")).toBe("close")
      expect(refused.headers.get("retry-after")).toBe("30")
      expect(fixture.posts).toBe(0)
      const device = yield* connect
      device.send("GET", "/readyz")
      expect((yield* response(device)).headers.get("connection")).toBe("close")
    })
  )

  it.scopedLive(
    "happens when the scope closes, also on an interrupted fiber, and takes no more connections",
    () =>
      Effect.gen(function* () {
        const fixture = new ListenerFixture()
        const scope = yield* Scope.make()
        const services = yield* fixture.listen().pipe(Scope.extend(scope))
        const { port } = Context.get(services, PublicListener)
        const idle = yield* Effect.promise(() => RawHttp.connect(port))
        idle.send("POST", fixture.url(), heartbeat())
        yield* response(idle)
        const running = yield* Effect.fork(Effect.never.pipe(Effect.ensuring(Scope.close(scope, Exit.void))))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(running)
        yield* Effect.promise(() => idle.ended())
        const refused = yield* Effect.exit(Effect.tryPromise(() => RawHttp.connect(port)))
        expect(Exit.isFailure(refused)).toBe(true)
      })
  )
})
