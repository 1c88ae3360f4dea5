import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Logger, Metric, MetricState, Redacted, TestClock } from "effect"
import { Unavailable } from "../../../actors/Subscriptions.ts"
import { CallbackListener } from "../../../src/http/CallbackListener.ts"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import { RawHttp } from "../../support/RawHttp.ts"
import { entityBomb, heartbeat, readEventsFailed } from "./Bodies.ts"
import { ListenerFixture, PATH } from "./ListenerFixture.ts"

const OK = "<m:SubscriptionStatus>OK</m:SubscriptionStatus>"
const UNSUBSCRIBE = "<m:SubscriptionStatus>Unsubscribe</m:SubscriptionStatus>"

/** A listening fixture and a way to connect; connections are hung up at the end of the test. */
const start = (changes: Parameters<ListenerFixture["listen"]>[0] = {}) =>
  Effect.gen(function* () {
    const fixture = new ListenerFixture()
    const services = yield* fixture.listen(changes)
    const { port } = Context.get(services, PublicListener)
    const connect = Effect.acquireRelease(
      Effect.promise(() => RawHttp.connect(port)),
      (connection) => Effect.sync(() => connection.destroy())
    )
    const exchange = (target: string, body = heartbeat()) =>
      Effect.gen(function* () {
        const connection = yield* connect
        connection.send("POST", target, body)
        return yield* Effect.promise(() => connection.response())
      })
    const { inHand } = Context.get(services, CallbackListener)
    return { fixture, connect, exchange, inHand, port }
  })

const until = (condition: () => boolean) =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve))
  })

describe("an authentic callback", () => {
  it.scoped("is given to its actor, and answered OK in SOAP when the actor says so", () =>
    Effect.gen(function* () {
      const { connect, fixture } = yield* start()
      fixture.autoReply = undefined
      const connection = yield* connect
      const target = fixture.url("42", 5)
      connection.send("POST", target, heartbeat("bWFyaw=="))
      const { callback, reply, user } = yield* Effect.promise(() => fixture.arrival())
      expect(user).toBe("42")
      expect(callback).toMatchObject({
        generation: 5,
        subscriptionId: "c3Vi",
        previousWatermark: "AQAAAABnF0AAAAAAAAE=",
        events: [{ kind: "Status", watermark: "bWFyaw==" }],
        errorCode: undefined,
        hurried: false
      })
      expect(callback.activityId).toMatch(/^[0-9a-f-]{36}$/)
      expect(`id=42&f=${Redacted.value(callback.f)}&s=`).toBe(target.slice(PATH.length + 1, -22))
      reply("Ok")
      const response = yield* Effect.promise(() => connection.response())
      expect(response.status).toBe(200)
      expect(response.headers.get("content-type")).toBe("text/xml; charset=utf-8")
      expect(response.body).toContain(OK)
    })
  )

  it.scoped("of an ended subscription reaches the actor as an error", () =>
    Effect.gen(function* () {
      const { exchange, fixture } = yield* start()
      fixture.autoReply = undefined
      const answer = yield* Effect.fork(exchange(fixture.url(), readEventsFailed))
      const { callback, reply } = yield* Effect.promise(() => fixture.arrival())
      expect(callback).toMatchObject({
        errorCode: "ErrorReadEventsFailed",
        events: [],
        subscriptionId: "c3Vi"
      })
      reply("Unsubscribe")
      const response = yield* answer
      expect(response.status).toBe(200)
      expect(response.body).toContain(UNSUBSCRIBE)
    })
  )

  it.scoped("is found under every base path, whatever the case and the slashes", () =>
    Effect.gen(function* () {
      const { exchange, fixture } = yield* start()
      for (const path of [
        "/API/ENS/PushNotificationListener",
        "/mailnotificationservice/api/ens/pushnotificationlistener",
        "/api/ens/pushnotificationlistener/"
      ]) {
        const response = yield* exchange(fixture.url("7", 3, path))
        expect(response.body).toContain(OK)
      }
      expect(fixture.posts).toBe(3)
    })
  )

  it.scoped("gets 503 and when to retry if its actor cannot take it", () =>
    Effect.gen(function* () {
      const { exchange, fixture } = yield* start()
      for (const reply of ["Retry", new Unavailable({ reason: "starting" })] as const) {
        fixture.autoReply = reply
        const response = yield* exchange(fixture.url())
        expect(response.status).toBe(503)
        expect(response.headers.get("retry-after")).toBe("30")
        expect(response.headers.get("connection")).toBe("keep-alive")
        expect(response.body.match(/try again/g)).toHaveLength(1)
      }
    })
  )

  it.scoped("gets 503 when the actor is silent beyond the deadline; its late reply does nothing", () =>
    Effect.gen(function* () {
      const { connect, fixture, inHand } = yield* start()
      fixture.autoReply = undefined
      const connection = yield* connect
      connection.send("POST", fixture.url(), heartbeat())
      const first = yield* Effect.promise(() => fixture.arrival())
      yield* TestClock.adjust("11 seconds")
      expect(inHand()).toBe(1)
      yield* TestClock.adjust("2 seconds")
      expect((yield* Effect.promise(() => connection.response())).status).toBe(503)
      expect(inHand()).toBe(0)
      first.reply("Ok")
      connection.send("POST", fixture.url(), heartbeat())
      const second = yield* Effect.promise(() => fixture.arrival())
      second.reply("Unsubscribe")
      expect((yield* Effect.promise(() => connection.response())).body).toContain(UNSUBSCRIBE)
    })
  )

  it.scoped(
    "that was answered for its actor is not taken off its source's count once more by the late reply",
    () =>
      Effect.gen(function* () {
        const { connect, fixture } = yield* start({ callbackHeldMax: 1 })
        fixture.autoReply = undefined
        const next = Effect.gen(function* () {
          const connection = yield* connect
          connection.send("POST", fixture.url(), heartbeat())
          return yield* Effect.promise(() => fixture.arrival())
        })
        const late = yield* next
        yield* TestClock.adjust("6 seconds")
        yield* next
        yield* TestClock.adjust("7 seconds")
        late.reply("Ok")
        expect((yield* next).callback.hurried).toBe(true)
      })
  )

  it.scoped("whose sender hung up may still be replied to, without harm", () =>
    Effect.gen(function* () {
      const { connect, exchange, fixture, inHand } = yield* start()
      fixture.autoReply = undefined
      const connection = yield* connect
      connection.send("POST", fixture.url(), heartbeat())
      const { reply } = yield* Effect.promise(() => fixture.arrival())
      connection.destroy()
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
      reply("Ok")
      expect(inHand()).toBe(0)
      fixture.autoReply = "Ok"
      expect((yield* exchange(fixture.url())).status).toBe(200)
    })
  )

  it.scoped("gets 503 if delivering it fails for a bug, and the next one is served", () =>
    Effect.gen(function* () {
      const { exchange, fixture, inHand } = yield* start()
      fixture.onPost = () => {
        throw new Error("bug")
      }
      expect((yield* exchange(fixture.url())).status).toBe(503)
      expect(inHand()).toBe(0)
      fixture.onPost = () => {}
      expect((yield* exchange(fixture.url())).status).toBe(200)
    })
  )

  it.scoped("is hurried while its source already has the allowed number of callbacks waiting", () =>
    Effect.gen(function* () {
      const { connect, fixture } = yield* start({ callbackHeldMax: 2 })
      fixture.autoReply = undefined
      const next = Effect.gen(function* () {
        const connection = yield* connect
        connection.send("POST", fixture.url(), heartbeat())
        return yield* Effect.promise(() => fixture.arrival())
      })
      const first = yield* next
      const second = yield* next
      const third = yield* next
      expect([first, second, third].map(({ callback }) => callback.hurried)).toEqual([false, false, true])
      first.reply("Ok")
      second.reply("Ok")
      expect((yield* next).callback.hurried).toBe(false)
    })
  )

  it.scoped("may come many times on one connection, also without waiting for the answers", () =>
    Effect.gen(function* () {
      const { connect, fixture } = yield* start()
      const connection = yield* connect
      for (let i = 0; i < 200; i++)
        connection.send("POST", fixture.url(String(i + 1)), heartbeat(`bWFyay${i}`))
      for (let i = 0; i < 200; i++) {
        const response = yield* Effect.promise(() => connection.response())
        expect(response.body).toContain(OK)
      }
      expect(fixture.posts).toBe(200)
    })
  )

  it.scoped("does not wait for one of another connection", () =>
    Effect.gen(function* () {
      const { connect, exchange, fixture } = yield* start()
      fixture.autoReply = undefined
      const slow = yield* connect
      slow.send("POST", fixture.url("1"), heartbeat())
      const held = yield* Effect.promise(() => fixture.arrival())
      const quick = yield* Effect.fork(exchange(fixture.url("2")))
      const other = yield* Effect.promise(() => fixture.arrival())
      other.reply("Ok")
      expect((yield* quick).body).toContain(OK)
      held.reply("Retry")
      expect((yield* Effect.promise(() => slow.response())).status).toBe(503)
    })
  )
})

describe("a forged callback", () => {
  it.scoped("is answered Unsubscribe, and reaches neither actors nor the seal's keys", () =>
    Effect.gen(function* () {
      const { exchange, fixture } = yield* start()
      const url = fixture.url("7", 3)
      const other = fixture.url("8", 3)
      const s = (target: string) => target.slice(target.indexOf("&s=") + 3)
      const bodies = new Set<string>()
      for (const forged of [
        url.slice(0, -1),
        url.replace("f=", "f=A"),
        url.replace("xxx&s=", "&s="),
        url.replace(`&s=${s(url)}`, `&s=${s(other)}`),
        url.replace("id=7", "id=8"),
        url.replace("id=7", "id=constructor"),
        url.toLowerCase(),
        PATH,
        `${PATH}?id=7&f=%&s=%`
      ]) {
        const response = yield* exchange(forged)
        expect(response.status).toBe(200)
        expect(response.body).toContain(UNSUBSCRIBE)
        bodies.add(response.body)
      }
      expect(bodies.size).toBe(1)
      expect(fixture.posts).toBe(0)
      expect(fixture.opens).toBe(0)
    })
  )

  it.scoped("is not parsed, whatever its body", () =>
    Effect.gen(function* () {
      const { exchange } = yield* start()
      expect((yield* exchange(PATH, "not SOAP")).body).toContain(UNSUBSCRIBE)
    })
  )

  it.scoped("gets 503 once there are masses of them, while authentic ones go on", () =>
    Effect.gen(function* () {
      const { connect, exchange, fixture } = yield* start()
      const connection = yield* connect
      const statuses: Array<number> = []
      for (let i = 1; i <= 25; i++) {
        connection.send("POST", `${PATH}?id=${i}&f=a&s=b`, heartbeat())
        statuses.push((yield* Effect.promise(() => connection.response())).status)
      }
      expect(statuses).toEqual([...Array(20).fill(200), ...Array(5).fill(503)])
      expect((yield* exchange(fixture.url())).body).toContain(OK)
      yield* TestClock.adjust("61 seconds")
      expect((yield* exchange(`${PATH}?id=1&f=a&s=b`)).body).toContain(UNSUBSCRIBE)
    })
  )
})

describe("masses of unknown users", () => {
  it.scoped("get 503 in place of Unsubscribe, the end of an old subscription does not", () =>
    Effect.gen(function* () {
      const { exchange, fixture } = yield* start()
      fixture.autoReply = "Unknown"
      const statuses: Array<number> = []
      for (let i = 1; i <= 25; i++) statuses.push((yield* exchange(fixture.url(String(i)))).status)
      expect(statuses).toEqual([...Array(20).fill(200), ...Array(5).fill(503)])
      fixture.autoReply = "Unsubscribe"
      expect((yield* exchange(fixture.url("999"))).body).toContain(UNSUBSCRIBE)
    })
  )
})

describe("an unusable callback", () => {
  it.scoped.each([
    ["not SOAP", "hello"],
    ["empty", ""],
    ["JSON", "{}"],
    ["an entity bomb", entityBomb],
    ["cut off", heartbeat().slice(0, 400)],
    ["256 KiB of brackets", "<a>".repeat(87_000)]
  ])("that is %s gets 400, and its connection stays usable", ([, body]) =>
    Effect.gen(function* () {
      const { connect, fixture } = yield* start()
      const connection = yield* connect
      connection.send("POST", fixture.url(), body)
      expect((yield* Effect.promise(() => connection.response())).status).toBe(400)
      expect(fixture.posts).toBe(0)
      connection.send("POST", fixture.url(), heartbeat())
      expect((yield* Effect.promise(() => connection.response())).status).toBe(200)
    })
  )

  it.scoped("of 2 MB gets 413, and then its connection ends", () =>
    Effect.gen(function* () {
      const { connect, exchange, fixture } = yield* start()
      const connection = yield* connect
      connection.send("POST", fixture.url(), "x".repeat(2_000_000))
      const response = yield* Effect.promise(() => connection.response())
      expect(response.status).toBe(413)
      expect(response.headers.get("connection")).toBe("close")
      expect(yield* Effect.promise(() => connection.ended())).toBe("")
      expect((yield* exchange(fixture.url())).status).toBe(200)
      expect(fixture.posts).toBe(1)
    })
  )

  it.scoped("that announces 5 GB gets 413 without being read", () =>
    Effect.gen(function* () {
      const { connect, fixture, inHand } = yield* start()
      const connection = yield* connect
      connection.send("POST", fixture.url(), "", { "Content-Length": "5000000000" })
      expect((yield* Effect.promise(() => connection.response())).status).toBe(413)
      expect(inHand()).toBe(0)
    })
  )

  it.scoped("of 300 KB in chunks gets 413, one of 200 KB is read", () =>
    Effect.gen(function* () {
      const { connect, fixture } = yield* start()
      const chunked = (body: string) =>
        Effect.gen(function* () {
          const connection = yield* connect
          connection.write(`POST ${fixture.url()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`)
          for (let at = 0; at < body.length; at += 10_000) {
            const piece = body.slice(at, at + 10_000)
            connection.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)
          }
          connection.write("0\r\n\r\n")
          return yield* Effect.promise(() => connection.response())
        })
      expect((yield* chunked(heartbeat() + " ".repeat(300_000))).status).toBe(413)
      expect((yield* chunked(heartbeat() + " ".repeat(200_000))).status).toBe(200)
    })
  )

  it.scoped("that never ends in chunks is cut off", () =>
    Effect.gen(function* () {
      const { connect, fixture, inHand } = yield* start()
      const connection = yield* connect
      connection.write(`POST ${fixture.url()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`)
      const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`
      for (let i = 0; i < 80; i++) connection.write(chunk)
      yield* Effect.promise(() => connection.ended())
      yield* until(() => inHand() === 0)
      expect(fixture.posts).toBe(0)
    })
  )

  it.scoped("that does not come in time gets 408, and then its connection ends", () =>
    Effect.gen(function* () {
      const { connect, fixture, inHand } = yield* start()
      const connection = yield* connect
      connection.send("POST", fixture.url(), "<half", { "Content-Length": "1000" })
      yield* until(() => inHand() === 1)
      yield* TestClock.adjust("12 seconds")
      expect((yield* Effect.promise(() => connection.response())).status).toBe(408)
      yield* Effect.promise(() => connection.ended())
      expect(inHand()).toBe(0)
    })
  )

  it.scoped("whose sender hangs up halfway leaves nothing behind", () =>
    Effect.gen(function* () {
      const { connect, fixture, inHand } = yield* start()
      const connection = yield* connect
      connection.send("POST", fixture.url(), "<half", { "Content-Length": "1000" })
      yield* until(() => inHand() === 1)
      connection.destroy()
      yield* until(() => inHand() === 0)
      expect(fixture.posts).toBe(0)
    })
  )
})

describe("what an operator sees", () => {
  const published = (outcome: string) =>
    Effect.map(Metric.snapshot, (pairs) => {
      const pair = pairs.find(
        ({ metricKey }) =>
          metricKey.name === "ens_callbacks_total" && metricKey.tags.some(({ value }) => value === outcome)
      )
      return pair !== undefined && MetricState.isCounterState(pair.metricState)
        ? Number(pair.metricState.count)
        : 0
    })

  it.scoped("is each callback counted once, by what became of it", () =>
    Effect.gen(function* () {
      const outcomes = ["ok", "unsubscribe", "forged", "unusable", "gone", "wrong_method"]
      const before = yield* Effect.forEach(outcomes, published)
      const { connect, exchange, fixture } = yield* start()
      yield* exchange(fixture.url())
      yield* exchange(fixture.url())
      fixture.autoReply = "Unsubscribe"
      yield* exchange(fixture.url())
      yield* exchange(PATH)
      yield* exchange(fixture.url(), "rubbish")
      fixture.autoReply = undefined
      const lost = yield* connect
      lost.send("POST", fixture.url(), heartbeat())
      const { reply } = yield* Effect.promise(() => fixture.arrival())
      lost.destroy()
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
      reply("Ok")
      yield* TestClock.adjust("1 second")
      const after = yield* Effect.forEach(outcomes, published)
      expect(after.map((count, index) => count - before[index]!)).toEqual([2, 1, 1, 1, 1, 0])
    })
  )

  it.scoped("is one alarm for each time that masses are forged, without a word of the URLs", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ annotations, logLevel, message }) => {
      lines.push(`${logLevel.label} ${String(message)} ${JSON.stringify([...annotations])}`)
    })
    return Effect.gen(function* () {
      const { exchange } = yield* start()
      for (let i = 1; i <= 60; i++) yield* exchange(`${PATH}?id=${i}SECRET&f=SECRET&s=SECRET`)
      yield* TestClock.adjust("5 seconds")
      expect(lines.filter((line) => line.startsWith("ERROR masses"))).toHaveLength(1)
      yield* TestClock.adjust("60 seconds")
      expect(lines.filter((line) => line.startsWith("INFO"))).toHaveLength(1)
      expect(lines).toHaveLength(4)
      expect(lines.join()).not.toContain("SECRET")
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })
})

describe("another method on the callback's path", () => {
  it.scoped.each(["GET", "PUT", "DELETE"])("%s gets 405 in XML", (method) =>
    Effect.gen(function* () {
      const { connect, fixture } = yield* start()
      const connection = yield* connect
      connection.send(method, fixture.url())
      const response = yield* Effect.promise(() => connection.response())
      expect(response.status).toBe(405)
      expect(response.headers.get("allow")).toBe("POST")
      expect(response.headers.get("content-type")).toBe("application/xml")
      expect(response.body).toBe(
        `<Error><Message>The requested resource does not support http method '${method}'.</Message></Error>`
      )
      expect(fixture.posts).toBe(0)
    })
  )
})
