import { describe, expect, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { type ExchangeOptions, type Move, makeExchange } from "../../../src/sandbox/Exchange.ts"
import { CannotListen } from "../../../src/sandbox/Listener.ts"
import { playOutage } from "../../../src/sandbox/Outage.ts"
import { Timers } from "../../../src/sandbox/Timers.ts"
import { makeListener, texts } from "./support/CallbackListener.ts"
import { connectTo } from "./support/Connection.ts"
import {
  ALICE,
  basic,
  codes,
  envelope,
  ews,
  getFolderXml,
  getItemXml,
  inboxOf,
  PASSWORD,
  subscribeXml
} from "./support/SoapClient.ts"

const BOB = "bob@corp.example"
const MAIL = { to: ALICE, from: BOB, subject: "s", body: "b" }
const FOLDER = getFolderXml(inboxOf())
const MOVE: Move = { seconds: 0, afterwards: "redirect", status: 302, subscriptions: "error" }

const exchangeWith = (options: ExchangeOptions = {}) =>
  makeExchange({
    mailboxes: [
      { address: ALICE, password: PASSWORD },
      { address: BOB, password: "bobs" }
    ],
    firstCallback: "none",
    ...options
  })

/** POST as Alice, without following redirects. */
const post = (url: string, body: string) =>
  Effect.gen(function* () {
    const connection = yield* connectTo(url)
    return yield* connection.post(envelope(body, "Exchange2013"), {
      authorization: basic(ALICE, PASSWORD)
    })
  }).pipe(Effect.scoped)

describe("a throttled user", () => {
  it.scopedLive("is told how long it lasts, alone, and until it is over", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      yield* exchange.addFault({ kind: "busy", user: ALICE, seconds: 1 })
      const busy = yield* ews(exchange, FOLDER)
      expect([busy.status, ...codes(busy)]).toEqual([500, "ErrorServerBusy"])
      const backOff = Number(texts(busy.text, "Value")[0])
      expect(backOff).toBeGreaterThan(0)
      expect(backOff).toBeLessThanOrEqual(1000)
      const bobs = { authorization: basic(BOB, "bobs") }
      expect((yield* ews(exchange, FOLDER, bobs)).status).toBe(200)
      yield* Effect.sleep(backOff + 5)
      expect((yield* ews(exchange, FOLDER)).status).toBe(200)
    })
  )

  it.scopedLive("can be one whom IIS turns away, with Retry-After", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      yield* exchange.addFault({ kind: "status", status: 503, retryAfter: "7", times: 1 })
      const reply = yield* post(exchange.url, FOLDER)
      expect([reply.status, reply.headers["retry-after"]]).toEqual([503, "7"])
    })
  )
})

describe("a fault", () => {
  it.scopedLive("is not used up by the first leg of a log-in, unless it is to hit that", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const status = (authorization: string) =>
        ews(exchange, FOLDER, { authorization }).pipe(Effect.map((answer) => answer.status))
      yield* exchange.addFault({ kind: "status", status: 503, times: 1 })
      expect([yield* status(""), yield* status(basic(ALICE, PASSWORD))]).toEqual([401, 503])
      yield* exchange.addFault({ kind: "status", status: 503, times: 1, beforeLogIn: true })
      expect([yield* status(""), yield* status(basic(ALICE, PASSWORD))]).toEqual([503, 200])
    })
  )
})

describe("a redirect", () => {
  it.scopedLive.each([301, 302, 307, 308] as const)("sends to the other listener (%d)", (status) =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith({ otherPort: 0 })
      yield* exchange.addFault({ kind: "redirect", status })
      const reply = yield* post(exchange.url, FOLDER)
      expect([reply.status, reply.headers["location"]]).toEqual([status, exchange.otherUrl])
      expect((yield* post(exchange.otherUrl ?? "", FOLDER)).status).toBe(200)
      expect(exchange.requests().map((one) => one.site)).toEqual(["main", "other"])
    })
  )

  it.scopedLive("goes anywhere by script, but not nowhere", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const location = "https://evil.example/EWS/Exchange.asmx"
      yield* exchange.addFault({ kind: "redirect", location, times: 1 })
      expect((yield* post(exchange.url, FOLDER)).headers["location"]).toBe(location)
      const control = yield* connectTo(`${exchange.controlUrl}/faults`)
      expect((yield* control.post('{"kind":"redirect"}')).status).toBe(404)
    })
  )
})

describe("a mailbox that moves", () => {
  const folderId = (text: string) => /FolderId Id="([^"]+)"/.exec(text)?.[1]

  it.scopedLive("is away for a while, then elsewhere, with other ids and without its subscriptions", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith({ otherPort: 0 })
      const listener = yield* makeListener
      const item = yield* exchange.deliver(MAIL)
      const before = folderId((yield* post(exchange.url, FOLDER)).text)
      const subscribed = yield* post(exchange.url, subscribeXml(listener.url))
      const [watermark = ""] = texts(subscribed.text, "Watermark")

      yield* exchange.moveMailbox(ALICE, { ...MOVE, seconds: 0.1 })
      const during = yield* post(exchange.url, FOLDER)
      expect(texts(during.text, "ResponseCode")).toEqual(["ErrorMailboxMoveInProgress"])
      yield* exchange.until(() => exchange.deliveries().length === 1)
      expect(listener.received[0]?.body).toContain("ErrorReadEventsFailed")
      expect(exchange.subscriptions().map((one) => one.state)).toEqual(["Broken"])

      const old = yield* post(exchange.url, FOLDER)
      expect([old.status, old.headers["location"]]).toEqual([302, exchange.otherUrl])
      const url = exchange.otherUrl ?? ""
      const after = yield* post(url, FOLDER)
      expect(texts(after.text, "UnreadCount")).toEqual(["1"])
      expect(folderId(after.text)).not.toBe(before)
      expect(texts((yield* post(url, getItemXml([item], []))).text, "ResponseCode")).toEqual([
        "ErrorInvalidIdMalformed"
      ])
      expect(
        texts((yield* post(url, subscribeXml(listener.url, { watermark }))).text, "ResponseCode")
      ).toEqual(["ErrorInvalidWatermark"])
      const bobs = { authorization: basic(BOB, "bobs") }
      expect((yield* ews(exchange, FOLDER, bobs)).status).toBe(200)
    })
  )

  it.scopedLive("can be served by the old listener all the same, and lose its subscriptions in silence", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith({ otherPort: 0 })
      const listener = yield* makeListener
      yield* post(exchange.url, subscribeXml(listener.url))
      yield* exchange.moveMailbox(ALICE, { ...MOVE, afterwards: "proxy", subscriptions: "silence" })
      expect((yield* post(exchange.url, FOLDER)).status).toBe(200)
      expect(exchange.subscriptions().map((one) => one.state)).toEqual(["Forgotten"])
      expect(listener.received).toEqual([])
    })
  )

  it.scopedLive("moves back, and without another listener stays behind its URL", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith({ otherPort: 0 })
      yield* exchange.moveMailbox(ALICE, MOVE)
      yield* exchange.moveMailbox(ALICE, MOVE)
      expect((yield* post(exchange.url, FOLDER)).status).toBe(200)
      expect((yield* post(exchange.otherUrl ?? "", FOLDER)).headers["location"]).toBe(exchange.url)
      const lonely = yield* exchangeWith()
      const before = folderId((yield* post(lonely.url, FOLDER)).text)
      yield* lonely.moveMailbox(ALICE, MOVE)
      const after = yield* post(lonely.url, FOLDER)
      expect(after.status).toBe(200)
      expect(folderId(after.text)).not.toBe(before)
    })
  )
})

describe("the affinity cookie", () => {
  it.scopedLive("is given to who prefers it, and missed by script", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const ask = (headers: Readonly<Record<string, string>>) =>
        ews(exchange, FOLDER, { headers: { "client-request-id": "work-1", ...headers } })
      expect((yield* ask({})).headers.get("set-cookie")).toBe(null)
      const given = (yield* ask({ "x-preferserveraffinity": "true" })).headers.get("set-cookie") ?? ""
      expect(given).toMatch(/^X-BackEndOverrideCookie=\S+~\d+; /)
      const cookie = given.split(";")[0] ?? ""
      expect((yield* ask({})).status).toBe(200)
      yield* exchange.addFault({ kind: "affinity" })
      expect(codes(yield* ask({}))).toEqual(["ErrorProxyRequestNotAllowed"])
      expect(codes(yield* ask({ cookie: `${cookie}0` }))).toEqual(["ErrorProxyRequestNotAllowed"])
      const kept = yield* ask({ cookie, "x-preferserveraffinity": "true" })
      expect([kept.status, kept.headers.get("set-cookie")]).toEqual([200, null])
      expect((yield* ask({ "client-request-id": "work-2" })).status).toBe(200)
    })
  )
})

describe("lost events", () => {
  it.scopedLive("leave a gap: the next callback names a watermark that nobody has seen", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const listener = yield* makeListener
      const subscribed = yield* ews(exchange, subscribeXml(listener.url))
      const [watermark = ""] = texts(subscribed.text, "Watermark")
      yield* exchange.deliver({ ...MAIL, unreported: true })
      yield* exchange.skipWatermark(ALICE)
      yield* exchange.deliver(MAIL)
      yield* exchange.until(() => exchange.deliveries().length === 1)
      expect(listener.received).toHaveLength(1)
      expect(texts(listener.received[0]?.body ?? "", "PreviousWatermark")[0]).not.toBe(watermark)
      expect(exchange.unread(ALICE)).toBe(2)
    })
  )

  it.scopedLive("come again to who subscribes with a watermark, unless the server has forgotten them", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith()
      const listener = yield* makeListener
      const [watermark = ""] = texts((yield* ews(exchange, subscribeXml(listener.url))).text, "Watermark")
      const unheard = yield* exchange.deliver({ ...MAIL, unreported: true })
      yield* exchange.restart
      const missed = yield* exchange.deliver(MAIL)
      expect(codes(yield* ews(exchange, subscribeXml(listener.url, { watermark })))).toEqual(["NoError"])
      yield* exchange.until(() => exchange.deliveries().some((one) => one.itemIds.includes(missed)))
      expect(exchange.deliveries().at(-1)?.itemIds).toEqual([unheard, missed])
      yield* exchange.forgetEvents(ALICE)
      expect(codes(yield* ews(exchange, subscribeXml(listener.url, { watermark })))).toEqual([
        "ErrorInvalidWatermark"
      ])
    })
  )
})

describe("an outage", () => {
  it.scopedLive("refuses connections, and ends by itself", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith({ controlPort: 0 })
      const control = yield* connectTo(`${exchange.controlUrl}/faults`)
      expect((yield* control.post('{"kind":"down","seconds":0.5}')).status).toBe(200)
      const status = Effect.map(post(exchange.url, FOLDER), (reply) => reply.status)
      expect(yield* status).toBe(0)
      yield* Effect.repeat(status, { until: (answered) => answered === 200, schedule: Schedule.spaced(20) })
    })
  )

  it.live("comes again as often as scripted, and waits for a port that somebody has taken", () =>
    Effect.gen(function* () {
      const steps: Array<string> = []
      const listener = {
        down: Effect.sync(() => void steps.push("down")),
        up: Effect.suspend(() => {
          steps.push("up")
          return steps.length === 2
            ? new CannotListen({ host: "127.0.0.1", port: 1, reason: "EADDRINUSE" })
            : Effect.void
        })
      }
      yield* playOutage(listener, new Timers(), { seconds: 0.01, upSeconds: 0.01, times: 2 })
      expect(steps).toEqual(["down", "up", "up", "down", "up"])
    })
  )
})
