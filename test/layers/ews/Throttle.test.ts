import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Metric, TestClock } from "effect"
import type { AllowedEndpoint } from "../../../layers/ews/EndpointPolicy.ts"
import type { HttpRequest, HttpSessions } from "../../../layers/ews/HttpSessions.ts"
import type { HttpAnswer } from "../../../layers/ews/SoapAnswer.ts"
import { withTrouble } from "../../../layers/ews/Throttle.ts"
import * as TroubleMetrics from "../../../layers/ews/TroubleMetrics.ts"
import {
  EwsBusy,
  type EwsError,
  EwsForbidden,
  EwsRefused,
  EwsTimeout,
  EwsUnauthorized,
  EwsUnreachable,
  EwsUnusable
} from "../../../schemas/EwsError.ts"
import type { UserNumber } from "../../../schemas/Ids.ts"
import { timedAccount } from "../../support/EwsCaller.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { watchedSend } from "../../support/WatchedSend.ts"

const A = "https://a.example.com"
const B = "https://b.example.com"
const REQUEST: HttpRequest = { operation: "GetItem", method: "POST", headers: {}, body: "<x/>" }
const endpointAt = (origin: string): AllowedEndpoint => ({
  url: `${origin}/EWS/Exchange.asmx`,
  listed: true,
  pins: [],
  seg: false
})

const answer = (status: number, body = "", headers: HttpAnswer["headers"] = {}): HttpAnswer => ({
  status,
  headers,
  body: Buffer.from(body)
})
const fine = answer(200, "<fine/>")
const T = "http://schemas.microsoft.com/exchange/services/2006/types"
const M = "http://schemas.microsoft.com/exchange/services/2006/messages"
const envelope = (content: string) =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="${T}" xmlns:m="${M}"><s:Body>${content}</s:Body></s:Envelope>`
const value = (milliseconds: number) =>
  `MessageXml><t:Value Name="BackOffMilliseconds">${milliseconds}</t:Value></`
const busyFault = (milliseconds: number) =>
  envelope(
    `<s:Fault><faultcode>a:ErrorServerBusy</faultcode><faultstring>Busy.</faultstring><detail>
     <e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">ErrorServerBusy</e:ResponseCode>
     <t:${value(milliseconds)}t:MessageXml></detail></s:Fault>`
  )
const busyResponse = (milliseconds: number) =>
  envelope(
    `<m:GetItemResponse><m:ResponseMessages><m:GetItemResponseMessage ResponseClass="Error">
     <m:ResponseCode>ErrorInternalServerError</m:ResponseCode><m:${value(milliseconds)}m:MessageXml>
     </m:GetItemResponseMessage></m:ResponseMessages></m:GetItemResponse>`
  )

const site = { operation: "GetItem", host: "a.example.com" }
const unreachable = new EwsUnreachable({ ...site, reason: "the connection was refused", sent: false })

type Script = (user: number, origin: string) => Effect.Effect<HttpAnswer, EwsError>

/** The stage around sessions that do what the script says; `asked` counts what got through. */
const stage = Effect.fnUntraced(function* (
  first: Script = () => Effect.succeed(fine),
  options?: Parameters<typeof withTrouble>[1]
) {
  const state = { script: first, asked: 0 }
  const inner: HttpSessions["Type"] = {
    open: (caller, watches = []) => {
      const send = (anonymous: boolean) => (endpoint: AllowedEndpoint, request: HttpRequest) => {
        const ask = Effect.suspend(() => {
          state.asked += 1
          return state.script(Number(caller.user), new URL(endpoint.url).origin)
        })
        return watchedSend(caller, watches, endpoint, request, anonymous, ask)
      }
      return { send: send(false), sendAnonymously: send(true), close: () => {} }
    }
  }
  const sessions = yield* withTrouble(inner, options)
  const call = (user: number, origin = A, anonymous = false, pins: ReadonlyArray<string> = []) =>
    Effect.suspend(() => {
      const session = sessions.open(timedAccount("https://unused/", { user: String(user) as UserNumber }))
      const send = anonymous ? session.sendAnonymously : session.send
      return send({ ...endpointAt(origin), pins }, REQUEST, 25_000)
    })
  const say = (script: Script) =>
    Effect.sync(() => {
      state.script = script
    })
  return { call, state, say }
})

/** Five calls of five users that last 5 s and fail: what it takes to know that the host is down. */
const bringDown = Effect.fnUntraced(function* (
  { call, say }: Effect.Effect.Success<ReturnType<typeof stage>>,
  error: Effect.Effect<HttpAnswer, EwsError> = Effect.fail(unreachable)
) {
  yield* say(() => Effect.delay(error, 5_000))
  const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], (user) => Effect.fork(Effect.exit(call(user))))
  yield* TestClock.adjust(5_000)
  yield* Fiber.joinAll(fibers)
  yield* say(() => error)
})

const refusal = { _tag: "EwsBusy", responseCode: "down: the connection was refused" }

describe("a user whom Exchange asks to wait", () => {
  const forms: ReadonlyArray<readonly [string, HttpAnswer, string]> = [
    ["a fault with HTTP 500", answer(500, busyFault(300_000)), "ErrorServerBusy"],
    ["a response with HTTP 200", answer(200, busyResponse(300_000)), "ErrorInternalServerError"],
    ["a fault with HTTP 503", answer(503, busyFault(300_000)), "ErrorServerBusy"]
  ]
  for (const [form, asking, responseCode] of forms) {
    it.effect(`with ${form} is not heard there until then, while others and other hosts go on`, () =>
      Effect.gen(function* () {
        const { call, say, state } = yield* stage(() => Effect.succeed(asking))
        expect(yield* call(1)).toBe(asking)
        yield* say(() => Effect.succeed(fine))
        yield* TestClock.adjust(100_000)
        expect(yield* Effect.flip(call(1))).toMatchObject({
          _tag: "EwsBusy",
          responseCode,
          retryAfter: 200_000,
          operation: "GetItem",
          host: "a.example.com"
        })
        expect(state.asked).toBe(1)
        expect(yield* call(2)).toBe(fine)
        expect(yield* call(1, B)).toBe(fine)
        yield* TestClock.adjust(200_000)
        expect(yield* call(1)).toBe(fine)
      })
    )
  }

  it.effect("by what stands in front of it is asked again after a minute, whatever it said", () =>
    Effect.gen(function* () {
      const { call, say } = yield* stage(() =>
        Effect.succeed(answer(503, "<html>Busy</html>", { "retry-after": "3600" }))
      )
      yield* call(1)
      yield* say(() => Effect.succeed(fine))
      yield* TestClock.adjust(59_999)
      expect(yield* Effect.flip(call(1))).toMatchObject({ _tag: "EwsBusy", responseCode: "HTTP 503" })
      expect(yield* call(2)).toBe(fine)
      yield* TestClock.adjust(1)
      expect(yield* call(1)).toBe(fine)
    })
  )

  it.effect("is not held up by a mail that only talks of waiting", () =>
    Effect.gen(function* () {
      const mail = answer(
        200,
        envelope(`<m:GetItemResponse><m:ResponseMessages><m:GetItemResponseMessage ResponseClass="Success">
          <m:ResponseCode>NoError</m:ResponseCode><m:Items><t:Message><t:Subject>Name="BackOffMilliseconds">300000</t:Subject>
          </t:Message></m:Items></m:GetItemResponseMessage></m:ResponseMessages></m:GetItemResponse>`)
      )
      const { call, state } = yield* stage(() => Effect.succeed(mail))
      yield* call(1)
      yield* call(1)
      expect(state.asked).toBe(2)
    })
  )

  it.effect("is one of 10,000 at most that are remembered", () =>
    Effect.gen(function* () {
      const { call, state } = yield* stage(() => Effect.succeed(answer(500, busyFault(300_000))), {
        users: 100
      })
      for (let user = 1; user <= 101; user += 1) yield* call(user)
      expect(state.asked).toBe(101)
      yield* Effect.exit(call(101))
      expect(state.asked).toBe(101)
      yield* Effect.exit(call(1))
      expect(state.asked).toBe(102)
    })
  )
})

describe("a host that is down", () => {
  it.effect("is left alone after a few calls, and others are not", () =>
    Effect.gen(function* () {
      const all = yield* stage()
      yield* bringDown(all)
      const before = all.state.asked
      for (let user = 1; user <= 1_000; user += 1)
        expect(yield* Effect.flip(all.call(user))).toMatchObject(refusal)
      expect(yield* Effect.flip(all.call(1, A, true))).toMatchObject(refusal)
      expect(all.state.asked).toBe(before)
      yield* all.say(() => Effect.succeed(fine))
      expect(yield* all.call(1, B)).toBe(fine)
    })
  )

  it.effect("tells when to try again, and is then asked by one call", () =>
    Effect.gen(function* () {
      const all = yield* stage()
      yield* bringDown(all)
      const refused = yield* Effect.flip(all.call(1))
      const wait = refused._tag === "EwsBusy" ? refused.retryAfter : 0
      expect(wait).toBeGreaterThanOrEqual(4_500)
      expect(wait).toBeLessThanOrEqual(5_500)
      const before = all.state.asked
      const answered = yield* Deferred.make<HttpAnswer>()
      yield* all.say(() => Deferred.await(answered))
      yield* TestClock.adjust(Math.ceil(wait))
      const probe = yield* Effect.fork(all.call(7))
      yield* Effect.yieldNow()
      expect(yield* Effect.flip(all.call(8))).toMatchObject(refusal)
      expect(all.state.asked).toBe(before + 1)
      yield* Deferred.succeed(answered, answer(500))
      yield* Fiber.join(probe)
      yield* all.call(8)
      expect(all.state.asked).toBe(before + 2)
    })
  )

  it.effect("is known by bare 503s too, and left alone for as long as these ask, up to a minute", () =>
    Effect.gen(function* () {
      const all = yield* stage()
      yield* bringDown(all, Effect.succeed(answer(503, "", { "retry-after": "3600" })))
      const refused = yield* Effect.flip(all.call(99))
      expect(refused).toMatchObject({ _tag: "EwsBusy", responseCode: "down: HTTP 503", retryAfter: 60_000 })
    })
  )

  it.effect("that takes calls and says nothing is down after 30 s, also if whoever called gave up", () =>
    Effect.gen(function* () {
      const all = yield* stage(() => Effect.never)
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], (user) =>
        Effect.fork(Effect.timeoutOption(all.call(user), 30_000))
      )
      yield* TestClock.adjust(30_000)
      yield* Fiber.joinAll(fibers)
      expect(yield* Effect.flip(all.call(1))).toMatchObject({
        _tag: "EwsBusy",
        responseCode: "down: no answer within 30 s"
      })
    })
  )

  const harmless: ReadonlyArray<readonly [string, EwsError]> = [
    [
      "no place at the host",
      new EwsBusy({ ...site, responseCode: "no connection became free", retryAfter: 0 })
    ],
    ["credentials that lack something", new EwsRefused({ ...site, responseCode: "no password", status: 0 })],
    ["a budget that is spent", new EwsUnauthorized({ ...site, offered: [], spent: true })],
    ["a wrong password", new EwsUnauthorized({ ...site, offered: ["Basic"] })],
    ["a user who may not", new EwsForbidden(site)],
    ["an answer that is too large", new EwsUnusable({ ...site, status: 200, reason: "too large" })]
  ]
  for (const [what, error] of harmless) {
    it.effect(`is not what ${what} means`, () =>
      Effect.gen(function* () {
        const all = yield* stage()
        yield* bringDown(all, Effect.fail(error))
        expect(yield* Effect.flip(all.call(9))).toBe(error)
      })
    )
  }

  it.effect("is not what one user's slow mailbox means, nor many slow ones among others", () =>
    Effect.gen(function* () {
      const slow = new EwsTimeout({ ...site, milliseconds: 25_000 })
      const all = yield* stage(() => Effect.delay(Effect.fail(slow), 25_000))
      for (let time = 0; time < 20; time += 1) {
        const fiber = yield* Effect.fork(Effect.exit(all.call(1)))
        yield* TestClock.adjust(25_000)
        expect(yield* Fiber.join(fiber)).toEqual(Exit.fail(slow))
      }
      yield* all.say((user) => (user % 3 === 0 ? Effect.succeed(fine) : Effect.fail(unreachable)))
      for (let user = 1; user <= 90; user += 1) {
        yield* TestClock.adjust(2_000)
        expect((yield* Effect.exit(all.call(user)))._tag).toBe(user % 3 === 0 ? "Success" : "Failure")
      }
      expect(all.state.asked).toBe(110)
    })
  )

  it.effect("is not what one user's lasting trouble means, however often", () =>
    Effect.gen(function* () {
      const lasting = new EwsUnreachable({ ...site, reason: "no such client", sent: false, lasting: true })
      const all = yield* stage((user) => (user === 1 ? Effect.fail(lasting) : Effect.succeed(fine)))
      for (let time = 0; time < 30; time += 1) {
        yield* TestClock.adjust(5_000)
        expect(yield* Effect.flip(all.call(1))).toBe(lasting)
      }
      expect(yield* all.call(2)).toBe(fine)
    })
  )

  it.effect("is found again by the next call when a probe says nothing or is given up", () =>
    Effect.gen(function* () {
      const all = yield* stage()
      yield* bringDown(all)
      yield* TestClock.adjust(6_000)
      yield* all.say(() => Effect.never)
      const probe = yield* Effect.fork(all.call(1))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(probe)
      yield* all.say(() => Effect.fail(new EwsRefused({ ...site, responseCode: "no password", status: 0 })))
      expect(yield* Effect.flip(all.call(2))).toMatchObject({ _tag: "EwsRefused" })
      yield* all.say(() => Effect.succeed(fine))
      expect(yield* all.call(3)).toBe(fine)
      expect(yield* all.call(4)).toBe(fine)
    })
  )

  it.effect("answers again, too, when it refuses a log-in without saying what it wants", () =>
    Effect.gen(function* () {
      const all = yield* stage()
      yield* bringDown(all)
      yield* TestClock.adjust(6_000)
      const refused = new EwsUnauthorized({ ...site, offered: [], scheme: "Bearer" })
      yield* all.say(() => Effect.fail(refused))
      expect(yield* Effect.flip(all.call(1))).toBe(refused)
      expect(yield* Effect.flip(all.call(2))).toBe(refused)
    })
  )

  it.effect("is none for tenants who connect to it under other conditions", () =>
    Effect.gen(function* () {
      const all = yield* stage()
      yield* bringDown(all)
      yield* all.say(() => Effect.succeed(fine))
      expect(yield* all.call(1, A, false, ["0a".repeat(32)])).toBe(fine)
      expect(yield* Effect.flip(all.call(1))).toMatchObject(refusal)
    })
  )

  it.effect("is found again whenever a probe is given up, be it before anything was sent", () =>
    Effect.gen(function* () {
      for (let steps = 12; steps < 80; steps += 1) {
        const all = yield* stage()
        yield* bringDown(all)
        yield* TestClock.adjust(6_000)
        yield* all.say(() => Effect.never)
        const probe = yield* Effect.fork(Effect.withMaxOpsBeforeYield(all.call(1), steps))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(probe)
        yield* all.say(() => Effect.succeed(fine))
        expect(yield* all.call(2)).toBe(fine)
      }
    })
  )

  it.effect("that takes calls and says nothing is down, also if callers give up before they time out", () =>
    Effect.gen(function* () {
      const all = yield* stage(() => Effect.never)
      for (let time = 0; time < 7; time += 1) {
        const fibers = yield* Effect.forEach([1, 2, 3], (user) =>
          // A little less than half of a callback's deadline is left when Exchange is asked.
          Effect.fork(Effect.exit(Effect.timeoutOption(all.call(user), 4_950)))
        )
        yield* TestClock.adjust(5_000)
        yield* Fiber.joinAll(fibers)
      }
      expect(yield* Effect.flip(all.call(1))).toMatchObject({
        _tag: "EwsBusy",
        responseCode: "down: no answer within 5 s"
      })
    })
  )

  it.effect("is one of a bounded number, of which those in good health are forgotten first", () =>
    Effect.gen(function* () {
      const all = yield* stage(undefined, { hosts: 10 })
      yield* bringDown(all)
      yield* all.say(() => Effect.succeed(fine))
      for (let host = 0; host < 1_000; host += 1) yield* all.call(1, `https://h${host}.example.com`)
      expect(yield* Effect.flip(all.call(1))).toMatchObject(refusal)
    })
  )
})

describe("what an operator sees of it", () => {
  it.effect(
    "is a line when the host goes down and one when it answers again, whatever happens between",
    () => {
      const lines: Array<LogRecorder.LogLine> = []
      return Effect.gen(function* () {
        const all = yield* stage()
        yield* bringDown(all)
        for (let round = 0; round < 60; round += 1) {
          yield* TestClock.adjust(5_000)
          for (let user = 0; user < 10; user += 1) yield* Effect.exit(all.call(user))
        }
        yield* all.say(() => Effect.succeed(fine))
        yield* TestClock.adjust("2 minutes")
        yield* all.call(1)
        const told = lines.filter(({ level }) => level === "WARN" || level === "INFO")
        expect(told.map(({ text }) => text.split(" {")[0])).toEqual([
          "Exchange host a.example.com is down: the connection was refused. Its users' calls wait; others go on",
          expect.stringMatching(
            /^Exchange host a\.example\.com answers again after 7 min; 5\d\d calls were not made$/
          )
        ])
      }).pipe(Effect.provide(LogRecorder.layer(lines)))
    }
  )

  it.effect("is how many hosts are down, and how many calls were refused because of what", () =>
    Effect.gen(function* () {
      const refused = Effect.all({
        host: Effect.map(Metric.value(TroubleMetrics.refused("host")), ({ count }) => count),
        user: Effect.map(Metric.value(TroubleMetrics.refused("user")), ({ count }) => count)
      })
      const before = yield* refused
      const all = yield* stage()
      yield* bringDown(all)
      expect((yield* Metric.value(TroubleMetrics.hostsDown)).value).toBe(1)
      yield* Effect.exit(all.call(1))
      yield* all.say(() => Effect.succeed(answer(500, busyFault(60_000))))
      yield* TestClock.adjust("1 minute")
      yield* all.call(1)
      expect((yield* Metric.value(TroubleMetrics.hostsDown)).value).toBe(0)
      yield* Effect.exit(all.call(1))
      yield* Effect.exit(all.call(1))
      const after = yield* refused
      expect(after.host - before.host).toBe(1)
      expect(after.user - before.user).toBe(2)
    })
  )
})
