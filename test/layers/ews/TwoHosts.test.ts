import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Random } from "effect"
import * as EwsClient from "../../../layers/ews/EwsClient.ts"
import * as HttpSessionsLive from "../../../layers/ews/HttpSessionsLive.ts"
import { persistently } from "../../../layers/ews/Persistence.ts"
import * as Throttle from "../../../layers/ews/Throttle.ts"
import { withSession } from "../../../layers/ews/WithSession.ts"
import type { EwsError } from "../../../schemas/EwsError.ts"
import type { UserNumber } from "../../../schemas/Ids.ts"
import { settingsOf } from "../../support/CryptoFixture.ts"
import { timedAccount } from "../../support/EwsCaller.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { type ScriptedServer, type Step, say, scriptedServer } from "../../support/ScriptedServer.ts"
import { StepClock } from "../../support/StepClock.ts"

/** What a callback's job allows for its calls. */
const DEADLINE = 25_000
/** Sockets live in real time, so that it is the job that gives up when the test moves the clock. */
const GIVEN_UP = DEADLINE + 1_000
const { connectionsPerHost, waitingPerHost } = HttpSessionsLive.defaultOptions

const SPACES = `xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
  xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"`
const envelope = (content: string) =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ${SPACES}><s:Body>${content}</s:Body></s:Envelope>`
const inbox: Step = say(
  200,
  envelope(
    `<m:GetFolderResponse><m:ResponseMessages><m:GetFolderResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>
     <m:Folders><t:Folder><t:FolderId Id="F"/><t:UnreadCount>3</t:UnreadCount></t:Folder></m:Folders>
     </m:GetFolderResponseMessage></m:ResponseMessages></m:GetFolderResponse>`
  )
)
const throttled: Step = say(
  500,
  envelope(
    `<s:Fault><faultcode>a:ErrorServerBusy</faultcode><faultstring>Busy.</faultstring><detail>
     <e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">ErrorServerBusy</e:ResponseCode>
     <t:MessageXml><t:Value Name="BackOffMilliseconds">299984</t:Value></t:MessageXml></detail></s:Fault>`
  )
)
const cut: Step = (response) => response.destroy()

type Outcome = "ok" | "late" | EwsError["_tag"]

/** Our whole client over two hosts on loopback, on a clock that the test moves. Real sockets, so answers take a moment. */
const twoHosts = Effect.gen(function* () {
  const clock = new StepClock(0)
  const lines: Array<LogRecorder.LogLine> = []
  const [a, b] = [yield* scriptedServer, yield* scriptedServer]
  for (const server of [a, b]) server.script(inbox)
  const client = EwsClient.layer.pipe(
    Layer.provide(Throttle.layer),
    Layer.provide(Layer.orDie(HttpSessionsLive.layer)),
    Layer.provide(settingsOf({ ewsPasswordAuth: { otherwise: "basic", hosts: new Map() } }))
  )
  const context = yield* Effect.withClock(Layer.build(Layer.merge(client, LogRecorder.layer(lines))), clock)

  const once = (origin: string, user: number, timeout: number) =>
    withSession(
      timedAccount(`${origin}/EWS/Exchange.asmx`, { user: String(user) as UserNumber }),
      (session) => session.inbox(timeout)
    )
  /** One user's call, as a job makes it. */
  const call = (origin: string, user: number) =>
    persistently({ within: DEADLINE }, (left) => once(origin, user, left)).pipe(
      Effect.as("ok" as const),
      Effect.catchAll((error: EwsError) => Effect.succeed(error._tag)),
      Effect.timeoutTo({
        duration: GIVEN_UP,
        onSuccess: (outcome) => outcome,
        onTimeout: () => "late" as const
      }),
      Effect.withRandom(Random.make(user)),
      Effect.provide(context),
      Effect.withClock(clock)
    )
  const start = (origin: string, users: number) =>
    Effect.forEach(numbers(users), (user) => Effect.fork(call(origin, user)))
  /** Moves the clock until all calls are over. */
  const finish = Effect.fnUntraced(function* (fibers: ReadonlyArray<Fiber.RuntimeFiber<Outcome>>) {
    let waiting = fibers
    while (waiting.length > 0) {
      yield* clock.advance(100, 100)
      const polled = yield* Effect.forEach(waiting, (fiber) => Effect.map(fiber.poll, Option.isNone))
      waiting = waiting.filter((_, index) => polled[index])
    }
    return yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
  })
  /** What becomes of one call each of so many users. */
  const callAll = (origin: string, users: number) => Effect.flatMap(start(origin, users), finish)
  const told = () =>
    lines.filter(({ level }) => level !== "DEBUG" && level !== "TRACE").map(({ text }) => text)
  return { a, b, clock, call, start, finish, callAll, told }
})

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const all = (count: number) => numbers(count).map(() => "ok")

/** Nothing of B's is late, lost or repeated. */
const expectUntouched = (b: ScriptedServer, results: ReadonlyArray<unknown>) => {
  expect(results).toEqual(all(results.length))
  expect(b.requests).toHaveLength(results.length)
}

describe("2,000 callbacks of one host at a time", () => {
  it.scopedLive("open no more sockets than it may have, and all get their answers", () =>
    Effect.gen(function* () {
      const { a, callAll, told } = yield* twoHosts
      expect(waitingPerHost + connectionsPerHost).toBeLessThan(2_000)
      const results = yield* callAll(a.origin, 2_000)
      expect(results.filter((result) => result !== "ok")).toEqual([])
      expect(a.requests).toHaveLength(2_000)
      expect(a.connections()).toBeLessThanOrEqual(connectionsPerHost)
      expect(a.concurrent()).toBeLessThanOrEqual(connectionsPerHost)
      expect(told()).toEqual([])
    })
  )
})

describe("beside a host", () => {
  it.scopedLive(
    "that throttles everybody for 5 minutes, others go on; it is asked once by each and told of once",
    () =>
      Effect.gen(function* () {
        const { a, b, callAll, clock, told } = yield* twoHosts
        a.script(throttled)
        const b1 = yield* callAll(b.origin, 100)
        for (let minute = 0; minute < 4; minute += 1) {
          const results = yield* callAll(a.origin, 100)
          expect(new Set(results)).toEqual(new Set(["EwsBusy"]))
          yield* clock.advance(60_000)
        }
        expect(a.requests).toHaveLength(100)
        expectUntouched(b, [...b1, ...(yield* callAll(b.origin, 100))])
        a.script(inbox)
        yield* clock.advance(60_000)
        expect(yield* callAll(a.origin, 100)).toEqual(all(100))
        expect(told()).toEqual([
          expect.stringContaining("lets a user wait 5 min (ErrorServerBusy); others go on")
        ])
      })
  )

  it.scopedLive(
    "that takes 20 s for an answer, others go on, and those in its queue get theirs or know",
    () =>
      Effect.gen(function* () {
        const { a, b, callAll, clock, finish, start, told } = yield* twoHosts
        const held: Array<() => void> = []
        a.script((response, request) => {
          held.push(() => inbox(response, request))
        })
        const slow = yield* start(a.origin, 100)
        yield* a.received(connectionsPerHost)
        // All of them while the others wait.
        expectUntouched(b, yield* callAll(b.origin, 200))
        expect(held).toHaveLength(connectionsPerHost)
        yield* clock.advance(20_000 - clock.now)
        for (const answer of held.splice(0)) answer()
        const results = yield* finish(slow)
        expect(results.filter((result) => result === "ok")).toHaveLength(connectionsPerHost)
        expect(new Set(results)).toEqual(new Set(["ok", "EwsBusy", "late"]))
        expect(a.concurrent()).toBe(connectionsPerHost)
        a.script(inbox)
        expect(yield* callAll(a.origin, 100)).toEqual(all(100))
        expect(told()).toEqual([])
      })
  )

  it.scopedLive("that comes and goes for an hour, others go on, and the log tells it in a few lines", () =>
    Effect.gen(function* () {
      const { a, b, callAll, clock, told } = yield* twoHosts
      const minutes = 60
      for (let minute = 0; minute < minutes; minute += 1) {
        a.script(minute % 2 === 0 ? cut : inbox)
        const from = clock.now
        yield* callAll(a.origin, 10)
        yield* callAll(a.origin, 10)
        expect(yield* callAll(b.origin, 10)).toEqual(all(10))
        yield* clock.advance(60_000 - (clock.now - from))
      }
      expect(b.requests).toHaveLength(minutes * 10)
      a.script(inbox)
      yield* clock.advance(60_000)
      yield* callAll(a.origin, 1)
      expect(yield* callAll(a.origin, 100)).toEqual(all(100))
      expect(told().length).toBeGreaterThan(2)
      expect(told().length).toBeLessThanOrEqual(10)
      expect(told().join()).toContain("comes and goes")
    })
  )

  it.scopedLive("that swallows every call, others go on; it is asked less and less and found again", () =>
    Effect.gen(function* () {
      const { a, b, callAll, clock, told } = yield* twoHosts
      a.script(() => {})
      const b1 = yield* callAll(b.origin, 100)
      const lost = yield* callAll(a.origin, 100)
      expect(lost).not.toContain("ok")
      yield* clock.advance(10_000)
      yield* callAll(a.origin, 100)
      const asked = a.requests.length
      for (let minute = 0; minute < 10; minute += 1) {
        const results = yield* callAll(a.origin, 10)
        expect(results).not.toContain("ok")
        yield* clock.advance(60_000)
      }
      // One probe at a time, for 25 s each at the longest.
      expect(a.requests.length - asked).toBeLessThanOrEqual(20)
      expectUntouched(b, [...b1, ...(yield* callAll(b.origin, 100))])
      expect(a.connections()).toBeLessThanOrEqual(a.requests.length)
      expect(a.concurrent()).toBeLessThanOrEqual(connectionsPerHost)
      a.script(inbox)
      yield* clock.advance(60_000)
      yield* callAll(a.origin, 1)
      expect(yield* callAll(a.origin, 100)).toEqual(all(100))
      expect(told()).toEqual([
        expect.stringContaining("is down: no answer within"),
        expect.stringMatching(/answers again after \d+ min/)
      ])
    })
  )

  it.scopedLive("that refuses connections for an hour, others go on, and all is well when it is back", () =>
    Effect.gen(function* () {
      const { b, callAll, clock, told } = yield* twoHosts
      const dead = yield* restartable
      yield* dead.down
      for (let minute = 0; minute < 60; minute += 1) {
        const from = clock.now
        const results = yield* callAll(dead.origin, 20)
        expect(results).not.toContain("ok")
        expect(yield* callAll(b.origin, 10)).toEqual(all(10))
        yield* clock.advance(60_000 - (clock.now - from))
      }
      expect(b.requests).toHaveLength(600)
      yield* dead.up
      yield* clock.advance(60_000)
      yield* callAll(dead.origin, 1)
      expect(yield* callAll(dead.origin, 100)).toEqual(all(100))
      expect(told().length).toBeLessThanOrEqual(3)
      expect(told()[0]).toContain("is down: ")
      expect(told().at(-1)).toMatch(/answers again after 6\d min/)
    })
  )
})

/** A host that can be taken away and brought back at the same port. */
const restartable = Effect.gen(function* () {
  let server: Server | undefined
  const listen = (port: number) =>
    Effect.async<number>((resume) => {
      const made = createServer((request, response) => {
        request.resume()
        request.on("end", () => inbox(response, { url: "", headers: {}, body: "", connection: 0 }))
      })
      made.listen(port, "127.0.0.1", () => {
        server = made
        resume(Effect.succeed((made.address() as AddressInfo).port))
      })
    })
  const down = Effect.async<void>((resume) => {
    if (server === undefined) return resume(Effect.void)
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
    server = undefined
  })
  const port = yield* Effect.acquireRelease(listen(0), () => down)
  return { origin: `http://127.0.0.1:${port}`, down, up: Effect.asVoid(listen(port)) }
})
