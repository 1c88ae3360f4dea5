import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Push } from "../../../layers/push/Push.ts"
import * as Admin from "../../../src/http/Admin.ts"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import { layer, makeToken, open, serveHere, USER_ID } from "../../support/DeviceApiFixture.ts"
import { SubscriptionScript } from "../../support/FakeSubscriptions.ts"
import { RawHttp } from "../../support/RawHttp.ts"
import { makeOwnership } from "../../support/ScriptedOwnership.ts"
import { heartbeat } from "./Bodies.ts"
import { ListenerFixture } from "./ListenerFixture.ts"

const start = Effect.gen(function* () {
  const fixture = new ListenerFixture()
  const { port } = Context.get(yield* fixture.listen(), PublicListener)
  const callback = (target = fixture.url()) =>
    Effect.gen(function* () {
      const connection = yield* Effect.acquireRelease(
        Effect.promise(() => RawHttp.connect(port)),
        (open) => Effect.sync(() => open.destroy())
      )
      connection.send("POST", target, heartbeat())
      return connection
    })
  const answerTo = (target = fixture.url()) =>
    Effect.flatMap(callback(target), (connection) => Effect.promise(() => connection.response()))
  return { fixture, callback, answerTo }
})

/** Not ours. */
const forged = (url: string) => url.replace(/s=.+$/, `s=${"A".repeat(22)}`)

describe("a callback", () => {
  it.scoped("to a standby is answered 503, on a connection that ends, and reaches nobody", () =>
    Effect.gen(function* () {
      const { answerTo, fixture } = yield* start
      fixture.node.become("standby")
      for (const target of [fixture.url(), forged(fixture.url())]) {
        const got = yield* answerTo(target)
        expect(got.status).toBe(503)
        expect(got.headers.get("connection")).toBe("close")
        expect(got.headers.get("retry-after")).toBe("30")
      }
      expect(fixture.posts).toBe(0)
      fixture.node.become("active")
      expect((yield* answerTo()).status).toBe(200)
    })
  )

  it.scoped("that its actor answers after another node has taken over is not acknowledged", () =>
    Effect.gen(function* () {
      const { callback, fixture } = yield* start
      fixture.autoReply = undefined
      for (const reply of ["Ok", "Unsubscribe", "Unknown", "Retry"] as const) {
        const connection = yield* callback()
        const arrived = yield* Effect.promise(() => fixture.arrival())
        fixture.node.seems("standby")
        arrived.reply(reply)
        expect((yield* Effect.promise(() => connection.response())).status, reply).toBe(503)
        fixture.node.seems("active")
      }
    })
  )

  it.scoped("to a node that is cut off is acknowledged, and never ends a subscription", () =>
    Effect.gen(function* () {
      const { answerTo, fixture } = yield* start
      fixture.node.become("cut off")
      expect((yield* answerTo()).body).toContain("OK")
      for (const reply of ["Unsubscribe", "Unknown"] as const) {
        fixture.autoReply = reply
        expect((yield* answerTo()).status).toBe(503)
      }
      expect((yield* answerTo(forged(fixture.url()))).status).toBe(503)
      fixture.node.become("active")
      expect((yield* answerTo()).body).toContain("Unsubscribe")
    })
  )
})

describe("a standby", () => {
  const node = makeOwnership("standby")
  const push = Layer.mock(Push, { isUp: () => true, post: () => () => {}, health: Effect.succeed([]) })
  const services = Layer.merge(layer({}, [], node), push)

  it.scoped("says so to load balancers and administrators, and is alive all the same", () =>
    Effect.gen(function* () {
      const { send } = yield* open
      ;(yield* SubscriptionScript).setLoaded(false)
      expect(yield* send("/readyz")).toMatchObject({ status: 503, text: "standby\n" })
      expect((yield* send("/healthz")).status).toBe(200)
      expect((yield* send("/api/ens/alive")).status).toBe(200)
      const admin = yield* Effect.flatMap(Admin.app, serveHere)
      expect(yield* admin.send("/readyz")).toMatchObject({
        status: 503,
        json: { ready: false, role: "standby" }
      })
      expect((yield* admin.send("/healthz")).status).toBe(200)
    }).pipe(Effect.provide(services))
  )

  it.scoped("is no place for new callbacks, and neither is a node that is cut off", () =>
    Effect.gen(function* () {
      const { send } = yield* open
      node.become("cut off")
      expect(yield* send("/readyz")).toMatchObject({ status: 503, text: "not ready\n" })
      node.become("active")
      expect(yield* send("/readyz")).toMatchObject({ status: 200, text: "ready\n" })
      node.become("standby")
    }).pipe(Effect.provide(services))
  )

  it.scoped("lets devices try again, whatever they want", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      for (const endpoint of ["getpublickey", "registerdevicev2", "getsubscriptionstatus", "unregister"]) {
        const got = yield* post(endpoint, { userId: USER_ID })
        expect([got.status, got.json["responseCode"], got.json["retryAfterSeconds"]], endpoint).toEqual([
          503, 4, 10
        ])
      }
      expect((yield* SubscriptionScript).requests).toEqual([])
    }).pipe(Effect.provide(services))
  )
})
