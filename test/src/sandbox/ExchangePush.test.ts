import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type ExchangeOptions, makeExchange, type RetryReading } from "../../../src/sandbox/Exchange.ts"
import { call } from "../../../src/sandbox/JsonClient.ts"
import { listen, readBody } from "../../../src/sandbox/Listener.ts"
import { answer, eventNames, makeListener, texts } from "./support/CallbackListener.ts"
import { selfSigned } from "./support/Certificate.ts"
import {
  ALICE,
  basic,
  codes,
  envelope,
  ews,
  PASSWORD,
  type SubscribeFields,
  subscribeXml
} from "./support/SoapClient.ts"

const MAIL = { to: ALICE, from: "bob@corp.example", subject: "s", body: "b" }
const ARRIVAL = ["CreatedEvent", "NewMailEvent", "ModifiedEvent"]

/** An Exchange, a listener, and Alice's subscription between them. */
const subscribed = (options: ExchangeOptions = {}, fields: SubscribeFields = {}) =>
  Effect.gen(function* () {
    const exchange = yield* makeExchange({
      mailboxes: [{ address: ALICE, password: PASSWORD }],
      firstCallback: "none",
      ...options
    })
    const listener = yield* makeListener
    const subscribe = (more: SubscribeFields = {}) =>
      ews(exchange, subscribeXml(`${listener.url}?id=1&f=a%2Bb`, { ...fields, ...more }))
    const reply = yield* subscribe()
    expect(codes(reply)).toEqual(["NoError"])
    return {
      exchange,
      listener,
      subscribe,
      subscriptionId: texts(reply.text, "SubscriptionId")[0] ?? "",
      watermark: texts(reply.text, "Watermark")[0] ?? "",
      states: () => exchange.subscriptions().map((one) => one.state),
      outcomes: () => exchange.deliveries().map((one) => one.outcome),
      delivered: (count: number) => exchange.until(() => exchange.deliveries().length >= count)
    }
  })

describe("callbacks", () => {
  it.scopedLive("tell of a mail with its id, and chain their watermarks from the Subscribe answer on", () =>
    Effect.gen(function* () {
      const { exchange, listener, subscriptionId, watermark, delivered } = yield* subscribed({
        firstCallback: "after"
      })
      yield* delivered(1)
      const itemId = yield* exchange.deliver(MAIL)
      yield* delivered(2)
      yield* exchange.markRead(ALICE, itemId)
      yield* delivered(3)
      const newId = yield* exchange.move(ALICE, itemId, "deleteditems")
      yield* delivered(4)

      const bodies = listener.received.map((callback) => callback.body)
      expect(bodies.map(eventNames)).toEqual([
        ["StatusEvent"],
        ARRIVAL,
        ["ModifiedEvent", "ModifiedEvent"],
        ["MovedEvent", "ModifiedEvent"]
      ])
      let previous = watermark
      for (const body of bodies) {
        expect(texts(body, "SubscriptionId")).toEqual([subscriptionId])
        expect(texts(body, "PreviousWatermark")).toEqual([previous])
        const watermarks = texts(body, "Watermark")
        expect(new Set(watermarks).size).toBe(watermarks.length)
        previous = watermarks.at(-1) ?? ""
      }
      expect(bodies[1]).toContain(`<t:ItemId Id="${itemId}" `)
      expect(bodies[3]).toContain(`<t:ItemId Id="${newId}" `)
      expect(bodies[3]).toContain(`<t:OldItemId Id="${itemId}" `)
      expect(bodies.flatMap((body) => texts(body, "UnreadCount"))).toEqual(["1", "0", "0"])
      const [first] = listener.received
      expect(first?.path).toBe("/listener?id=1&f=a%2Bb")
      expect(first?.headers["soapaction"]).toBe(
        "http://schemas.microsoft.com/exchange/services/2006/messages/SendNotification"
      )
      expect(first?.headers["content-type"]).toBe("text/xml; charset=utf-8")
      expect(first?.headers["user-agent"]).toBeUndefined()
      expect(first?.headers["authorization"]).toBeUndefined()
    })
  )

  it.scopedLive("report only the folders and event types that were subscribed to", () =>
    Effect.gen(function* () {
      const { exchange, listener, delivered } = yield* subscribed(
        { unreadCount: false },
        { events: ["NewMailEvent"] }
      )
      const id = yield* exchange.deliver({ ...MAIL, folder: "junkemail" })
      yield* exchange.markRead(ALICE, id)
      yield* exchange.deliver(MAIL)
      yield* delivered(1)
      expect(listener.received.map((callback) => eventNames(callback.body))).toEqual([["NewMailEvent"]])
    })
  )

  it.scopedLive("leave the unread count out where the server is one that does so", () =>
    Effect.gen(function* () {
      const { exchange, listener, delivered } = yield* subscribed({ unreadCount: false })
      yield* exchange.deliver(MAIL)
      yield* delivered(1)
      expect(eventNames(listener.received[0]?.body ?? "")).toEqual(ARRIVAL)
      expect(listener.received[0]?.body).not.toContain("UnreadCount")
    })
  )

  it.scopedLive(
    "wait for the one under way and then bring everything since in one, or several with MoreEvents",
    () =>
      Effect.gen(function* () {
        const { exchange, listener, delivered } = yield* subscribed({ eventsPerCallback: 6 })
        let release = (_: "OK") => {}
        listener.react = (_, index) =>
          index === 0 ? new Promise<"OK">((resolve) => (release = resolve)) : "OK"
        yield* exchange.deliver(MAIL)
        yield* listener.until(() => listener.received.length === 1)
        for (let n = 0; n < 3; n++) yield* exchange.deliver(MAIL)
        release("OK")
        yield* delivered(3)
        const bodies = listener.received.map((callback) => callback.body)
        expect(bodies.map(eventNames)).toEqual([ARRIVAL, [...ARRIVAL, ...ARRIVAL], ARRIVAL])
        expect(bodies.map((body) => texts(body, "MoreEvents")[0])).toEqual(["false", "true", "false"])
      })
  )

  it.scopedLive("can come before Subscribe is answered", () =>
    Effect.gen(function* () {
      const exchange = yield* makeExchange({
        mailboxes: [{ address: ALICE, password: PASSWORD }],
        firstCallback: "before"
      })
      const listener = yield* makeListener
      // The listener does not answer before it knows the subscription: Exchange must not wait for it.
      let release = (_: "OK") => {}
      listener.react = () => new Promise<"OK">((resolve) => (release = resolve))
      const reply = yield* ews(exchange, subscribeXml(listener.url))
      yield* listener.until(() => listener.received.length === 1)
      expect(texts(listener.received[0]?.body ?? "", "SubscriptionId")).toEqual(
        texts(reply.text, "SubscriptionId")
      )
      release("OK")
      yield* exchange.until(() => exchange.deliveries()[0]?.outcome === "OK")
    })
  )

  it.scopedLive("use no more connections to a host than allowed, and keep them", () =>
    Effect.gen(function* () {
      const { exchange, listener, subscribe } = yield* subscribed({ connectionsPerHost: 1 })
      for (let n = 0; n < 3; n++) yield* subscribe()
      const releases: Array<(_: "OK") => void> = []
      listener.react = () => new Promise<"OK">((resolve) => releases.push(resolve))
      yield* exchange.deliver(MAIL)
      for (let n = 1; n <= 4; n++) {
        yield* listener.until(() => listener.received.length === n)
        expect(releases).toHaveLength(1)
        releases.pop()?.("OK")
        yield* exchange.until(() => exchange.deliveries().length === n)
      }
    })
  )
})

describe("heartbeats", () => {
  it.scopedLive("come when nothing else happens, with a watermark that moves", () =>
    Effect.gen(function* () {
      const { listener, delivered } = yield* subscribed({ minute: 2 })
      yield* delivered(3)
      const bodies = listener.received.slice(0, 3).map((callback) => callback.body)
      expect(bodies.map(eventNames)).toEqual([["StatusEvent"], ["StatusEvent"], ["StatusEvent"]])
      expect(new Set(bodies.flatMap((body) => texts(body, "Watermark"))).size).toBe(3)
    })
  )

  it.scopedLive("are withheld while an event waits to be delivered", () =>
    Effect.gen(function* () {
      const { exchange, listener, delivered } = yield* subscribed(
        { minute: 20, retry: "lenient" },
        { frequency: 2 }
      )
      listener.react = () => ({ status: 503 })
      yield* exchange.deliver(MAIL)
      yield* exchange.until(() => exchange.subscriptions()[0]?.state === "Dropped")
      yield* delivered(4)
      expect(listener.received.map((callback) => eventNames(callback.body))).toEqual([
        ARRIVAL,
        ARRIVAL,
        ARRIVAL,
        ARRIVAL
      ])
    })
  )

  it.scopedLive("can be stopped for one mailbox while its mails still get through, and resumed", () =>
    Effect.gen(function* () {
      const { exchange, listener, delivered } = yield* subscribed({ minute: 2 })
      yield* delivered(1)
      yield* exchange.stopHeartbeat(ALICE)
      // Its callback comes after any heartbeat that was already under way.
      const itemId = yield* exchange.deliver(MAIL)
      const arrived = () => exchange.deliveries().findIndex((one) => one.itemIds.includes(itemId))
      yield* exchange.until(() => arrived() >= 0)
      const before = arrived() + 1
      yield* Effect.sleep("100 millis")
      expect(listener.received).toHaveLength(before)
      expect(eventNames(listener.received.at(-1)?.body ?? "")).toEqual(ARRIVAL)
      yield* exchange.resumeHeartbeat(ALICE)
      yield* delivered(before + 1)
    })
  )
})

describe("a callback that fails", () => {
  const attempts: ReadonlyArray<readonly [RetryReading, number, number]> = [
    ["strict", 5, 7.5],
    ["clock", 6, 8],
    ["lenient", 6, 15.5]
  ]
  for (const [retry, count, minutes] of attempts)
    it.scopedLive(
      `is repeated unchanged until the ${retry} reading gives it up after ${minutes} minutes`,
      () =>
        Effect.gen(function* () {
          const minute = 10
          const { exchange, listener, states, watermark } = yield* subscribed({ minute, retry })
          listener.react = () => ({ status: 503 })
          yield* exchange.deliver(MAIL)
          yield* exchange.until(() => states()[0] === "Dropped")
          expect(listener.received).toHaveLength(count)
          expect(new Set(listener.received.map((callback) => callback.body)).size).toBe(1)
          expect(texts(listener.received[0]?.body ?? "", "PreviousWatermark")).toEqual([watermark])
          expect(exchange.deliveries().map((one) => one.attempt)).toEqual([...Array(count).keys()])
          const [first, last] = [exchange.deliveries()[0]!, exchange.deliveries().at(-1)!]
          // Two clocks and their rounding: a lower bound, never an upper one.
          expect(last.at.getTime() - first.at.getTime()).toBeGreaterThanOrEqual(minutes * minute - 3)
        })
    )

  it.scopedLive("is acknowledged late, and what happened meanwhile follows", () =>
    Effect.gen(function* () {
      const { exchange, listener, states, outcomes, delivered } = yield* subscribed({ minute: 10 })
      listener.react = (_, index) => (index < 2 ? { status: 500 } : "OK")
      yield* exchange.deliver(MAIL)
      yield* exchange.until(() => states()[0] === "Retrying")
      yield* exchange.deliver(MAIL)
      yield* delivered(4)
      expect(outcomes()).toEqual(["HTTP 500", "HTTP 500", "OK", "OK"])
      expect(states()).toEqual(["Active"])
      const bodies = listener.received.map((callback) => callback.body)
      expect(bodies[2]).toBe(bodies[0])
      expect(texts(bodies[3] ?? "", "PreviousWatermark")[0]).toBe(texts(bodies[2] ?? "", "Watermark").at(-1))
    })
  )

  it.scopedLive("is one without a proper answer: timeout, refused connection, other status, other text", () =>
    Effect.gen(function* () {
      const { exchange, listener, outcomes, delivered } = yield* subscribed({
        minute: 2,
        retry: "lenient",
        callbackTimeout: 50
      })
      const reactions = [
        "hang" as const,
        { status: 204 },
        { status: 200, body: "<html>" },
        { status: 200, body: answer("ok") },
        { status: 302, body: answer("OK") }
      ]
      listener.react = (_, index) => reactions[index] ?? "OK"
      yield* exchange.deliver(MAIL)
      yield* delivered(6)
      expect(outcomes()).toEqual([
        "timeout",
        "not a SendNotificationResult",
        "not a SendNotificationResult",
        "not a SendNotificationResult",
        "HTTP 302",
        "OK"
      ])
      const refused = yield* makeListener.pipe(Effect.scoped)
      yield* ews(exchange, subscribeXml(refused.url))
      yield* exchange.deliver(MAIL)
      yield* exchange.until(() => outcomes().includes("ECONNREFUSED"))
    })
  )
})

describe("a subscription ends", () => {
  it.scopedLive("when the listener answers Unsubscribe, and only then by it", () =>
    Effect.gen(function* () {
      const { exchange, listener, states, subscriptionId } = yield* subscribed()
      const unsubscribe = `<m:Unsubscribe><m:SubscriptionId>${subscriptionId}</m:SubscriptionId></m:Unsubscribe>`
      expect(codes(yield* ews(exchange, unsubscribe))).toEqual(["ErrorInvalidPullSubscriptionId"])
      listener.react = () => "Unsubscribe"
      yield* exchange.deliver(MAIL)
      yield* exchange.until(() => states()[0] === "Unsubscribed")
      yield* exchange.deliver(MAIL)
      yield* Effect.sleep("30 millis")
      expect(listener.received).toHaveLength(1)
    })
  )

  it.scopedLive("without a word when the server restarts; a watermark brings back what was missed", () =>
    Effect.gen(function* () {
      const { exchange, listener, states, watermark, subscribe, delivered } = yield* subscribed()
      yield* exchange.restart
      expect(states()).toEqual(["Forgotten"])
      const itemId = yield* exchange.deliver(MAIL)
      yield* Effect.sleep("30 millis")
      expect(listener.received).toEqual([])
      expect(codes(yield* subscribe({ watermark }))).toEqual(["NoError"])
      yield* delivered(1)
      expect(listener.received[0]?.body).toContain(`<t:ItemId Id="${itemId}" `)
    })
  )

  it.scopedLive("with an error callback that has no Notification when its events cannot be read", () =>
    Effect.gen(function* () {
      const { exchange, listener, states, subscriptionId, delivered } = yield* subscribed()
      yield* exchange.breakSubscriptions(ALICE)
      yield* delivered(1)
      expect(states()).toEqual(["Broken"])
      const body = listener.received[0]?.body ?? ""
      expect(body).toContain('ResponseClass="Error"')
      expect(texts(body, "ResponseCode")).toEqual(["ErrorReadEventsFailed"])
      expect(texts(body, "Value")).toEqual([subscriptionId])
      expect(body).not.toContain("<m:Notification>")
    })
  )
})

it.scopedLive("an acknowledged callback can be sent again by script, the same to the letter", () =>
  Effect.gen(function* () {
    const { exchange, listener, delivered } = yield* subscribed()
    yield* exchange.addFault({ kind: "repeat", user: ALICE, times: 1 })
    yield* exchange.deliver(MAIL)
    yield* exchange.deliver(MAIL)
    yield* delivered(3)
    const bodies = listener.received.map((callback) => callback.body)
    expect(bodies[1]).toBe(bodies[0])
    expect(bodies[2]).not.toBe(bodies[0])
    expect(texts(bodies[2] ?? "", "PreviousWatermark")[0]).toBe(texts(bodies[0] ?? "", "Watermark").at(-1))
  })
)

it.scopedLive("everything goes over https too", () =>
  Effect.gen(function* () {
    const tls = selfSigned()
    const exchange = yield* makeExchange({
      tls,
      callbackCa: tls.cert,
      mailboxes: [{ address: ALICE, password: PASSWORD }]
    })
    const bodies: Array<string> = []
    const listener = yield* listen({ tls }, (incoming, outgoing) => {
      void readBody(incoming, 65_536).then((body) => {
        bodies.push(body ?? "")
        outgoing.end(answer("OK"))
      })
    })
    const reply = yield* Effect.promise(() =>
      call(exchange.url, {
        method: "POST",
        headers: { authorization: basic(ALICE, PASSWORD) },
        body: envelope(subscribeXml(listener.url), "Exchange2016"),
        timeout: 5000,
        ca: tls.cert
      })
    )
    expect(reply.status).toBe(200)
    yield* exchange.until(() => exchange.deliveries()[0]?.outcome === "OK")
    expect(bodies.map(eventNames)).toEqual([["StatusEvent"]])
  })
)
