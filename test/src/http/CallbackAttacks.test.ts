import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Logger, TestClock } from "effect"
import { vi } from "vitest"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import { NO_LIMITS } from "../../support/NoLimits.ts"
import { RawHttp } from "../../support/RawHttp.ts"
import { heartbeat } from "./Bodies.ts"
import { ListenerFixture, PATH } from "./ListenerFixture.ts"

/** What was computed since it was last emptied: names of functions of node:crypto, and how many bytes they were given. */
const computed = vi.hoisted(() => [] as Array<string>)
vi.mock("node:crypto", async (original) => {
  const crypto = await original<typeof import("node:crypto")>()
  const watched = <F extends (...all: Array<never>) => unknown>(name: string, work: F) =>
    ((...all: Parameters<F>) => {
      computed.push(name)
      return work(...all)
    }) as F
  return {
    ...crypto,
    hash: watched("hash", crypto.hash as never),
    timingSafeEqual: watched("compare", crypto.timingSafeEqual as never),
    createDecipheriv: watched("AES", crypto.createDecipheriv as never),
    privateDecrypt: watched("RSA", crypto.privateDecrypt as never)
  }
})

const OK = "<m:SubscriptionStatus>OK</m:SubscriptionStatus>"
const UNSUBSCRIBE = "<m:SubscriptionStatus>Unsubscribe</m:SubscriptionStatus>"
const A_SECOND = { count: 1, per: 1000, burst: 3 }

const start = (changes: Parameters<ListenerFixture["listen"]>[0] = {}) =>
  Effect.gen(function* () {
    const fixture = new ListenerFixture()
    const services = yield* fixture.listen(changes)
    const { port } = Context.get(services, PublicListener)
    const connect = Effect.acquireRelease(
      Effect.promise(() => RawHttp.connect(port)),
      (connection) => Effect.sync(() => connection.destroy())
    )
    const exchange = (
      target: string,
      { body = heartbeat(), headers = {}, method = "POST" }: Partial<Request> = {}
    ) =>
      Effect.gen(function* () {
        const connection = yield* connect
        connection.send(method, target, body, headers)
        return yield* Effect.promise(() => connection.response())
      })
    const held = (target = fixture.url(), headers: Request["headers"] = {}) =>
      Effect.gen(function* () {
        const connection = yield* connect
        connection.send("POST", target, heartbeat(), headers)
        return { connection, ...(yield* Effect.promise(() => fixture.arrival())) }
      })
    return { fixture, connect, exchange, held }
  })

interface Request {
  readonly body: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
}

/** Everything an answer consists of but its date. */
const bytes = ({ body, headers, status }: Effect.Effect.Success<ReturnType<typeof answerOf>>) =>
  JSON.stringify([status, [...headers].filter(([name]) => name !== "date"), body])
const answerOf = (connection: RawHttp) => Effect.promise(() => connection.response())

/** Every way to be none of ours, with the guess at the user that it makes. */
const guesses = (fixture: ListenerFixture) => {
  const ours = fixture.url("7", 3)
  const s = (target: string) => target.slice(target.indexOf("&s=") + 3)
  const f = (target: string) => target.slice(target.indexOf("&f=") + 3, target.indexOf("&s="))
  const other = fixture.url("8", 3)
  return {
    "the s of a guess": ours.replace(s(ours), "AAAAAAAAAAAAAAAAAAAAAA"),
    "the s of another user": ours.replace(s(ours), s(other)),
    "the s of another generation": ours.replace(s(ours), s(fixture.url("7", 4))),
    "the s of another service": ours.replace(s(ours), s(new ListenerFixture().url("7", 3))),
    "another user's number": ours.replace("id=7", "id=8"),
    "an f one byte off": ours.replace("xxx&s=", "xxy&s="),
    "an f cut short": ours.replace("xxx&s=", "&s="),
    "an f of nobody": ours.replace(f(ours), "rubbish"),
    "an f of another version": ours.replace("f=A", "f=_"),
    "an empty f": ours.replace(f(ours), ""),
    "an f too long": ours.replace("&s=", `${"x".repeat(1990)}&s=`),
    "an f far too long": ours.replace("&s=", `${"x".repeat(6000)}&s=`),
    "an f of other characters": ours.replace("xxx&s=", "%F0%9F%8E%83&s="),
    "no f": `${PATH}?id=7&s=${s(ours)}`,
    "no s": ours.slice(0, ours.indexOf("&s=")),
    "no id": ours.replace("id=7&", ""),
    "no parameters": PATH,
    "a short s": ours.slice(0, -1),
    "a long s": `${ours}A`,
    "an s of other characters": `${ours.slice(0, -4)}%2B%2F%3D%3D`,
    "half a character's escape": `${ours.slice(0, -3)}%C3`,
    "an escape that is none": `${ours.slice(0, -2)}%G`,
    "the user 0": ours.replace("id=7", "id=0"),
    "the user -1": ours.replace("id=7", "id=-1"),
    "the user 1e3": ours.replace("id=7", "id=1e3"),
    "the user 07": ours.replace("id=7", "id=07"),
    "a user that is no number": ours.replace("id=7", "id=constructor"),
    "a user beyond all numbers": ours.replace("id=7", `id=${"9".repeat(400)}`),
    "everything twice, first a forged one": `${ours.replace(s(ours), s(other))}&id=7&f=${f(ours)}&s=${s(ours)}`
  }
}

describe("a callback that is not ours", () => {
  it.scoped("is answered alike to the byte, by the same work, whatever is wrong with it", () =>
    Effect.gen(function* () {
      const { exchange, fixture } = yield* start()
      const answers = new Map<string, Array<string>>()
      const works = new Map<string, Array<string>>()
      for (const [guess, target] of Object.entries(guesses(fixture))) {
        for (const body of [heartbeat(), "", "x".repeat(200_000)]) {
          computed.length = 0
          const answer = bytes(yield* exchange(target, { body }))
          const work = computed.join()
          answers.set(answer, [...(answers.get(answer) ?? []), guess])
          works.set(work, [...(works.get(work) ?? []), guess])
        }
        yield* TestClock.adjust("10 seconds")
      }
      expect([...works.keys()]).toEqual(["hash,hash,compare"])
      expect([...answers.keys()]).toHaveLength(1)
      expect([...answers.keys()][0]).toContain(UNSUBSCRIBE.replaceAll('"', '\\"'))
      expect(fixture.posts).toBe(0)
      expect(fixture.opens).toBe(0)
    })
  )

  it.scoped.each(["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])(
    "is answered 405 to %s like one that is",
    (method) =>
      Effect.gen(function* () {
        const { connect, fixture } = yield* start()
        const answers = new Set<string>()
        for (const target of [fixture.url(), ...Object.values(guesses(fixture))]) {
          const connection = yield* connect
          connection.write(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
          const answer = yield* Effect.promise(() => connection.ended())
          answers.add(answer.replace(/^Date: .*\r\n/m, ""))
        }
        expect([...answers]).toHaveLength(1)
        expect([...answers][0]).toMatch(/^HTTP\/1\.1 405 /)
      })
  )
})

describe("a source of many forged callbacks", () => {
  const limits = { ...NO_LIMITS, failed: A_SECOND }

  it.scoped("gets a bare 429 before its body is read, and its connection closed", () =>
    Effect.gen(function* () {
      const { connect, exchange, fixture } = yield* start({ limits })
      for (let i = 0; i < 3; i++) expect((yield* exchange(PATH)).body).toContain(UNSUBSCRIBE)
      const connection = yield* connect
      connection.send("POST", `${PATH}?id=7&f=a&s=b`, "<half", { "Content-Length": "1000" })
      const refused = yield* answerOf(connection)
      expect(refused.status).toBe(429)
      expect(refused.body).toBe("")
      expect(refused.headers.get("retry-after")).toBe("1")
      expect(refused.headers.get("connection")).toBe("close")
      expect(refused.headers.has("content-type")).toBe(false)
      yield* Effect.promise(() => connection.ended())
      yield* TestClock.adjust("1 second")
      expect((yield* exchange(PATH)).body).toContain(UNSUBSCRIBE)
      expect((yield* exchange(PATH)).status).toBe(429)
      expect(fixture.posts).toBe(0)
    })
  )

  it.scoped("takes nothing from Exchange behind the same address", () =>
    Effect.gen(function* () {
      const { exchange, fixture } = yield* start({ limits: { ...limits, address: A_SECOND } })
      for (let i = 0; i < 50; i++) yield* exchange(PATH)
      for (let i = 0; i < 50; i++) expect((yield* exchange(fixture.url())).body).toContain(OK)
      expect((yield* exchange(PATH)).status).toBe(429)
      expect(fixture.posts).toBe(50)
    })
  )

  it.scoped("takes nothing from other addresses behind a trusted proxy", () =>
    Effect.gen(function* () {
      const { exchange } = yield* start({ limits, trustedProxies: ["127.0.0.1"] })
      const from = (source: string) => exchange(PATH, { headers: { "X-Forwarded-For": source } })
      for (let i = 0; i < 3; i++) expect((yield* from("192.0.2.1")).status).toBe(200)
      expect((yield* from("192.0.2.1")).status).toBe(429)
      expect((yield* from("192.0.2.2")).status).toBe(200)
    })
  )

  it.scoped("is one to the guard, too: what passes the limit is not Unsubscribe while masses come", () =>
    Effect.gen(function* () {
      const { exchange } = yield* start({ limits: { ...NO_LIMITS, failed: { ...A_SECOND, burst: 25 } } })
      const statuses: Array<number> = []
      for (let i = 1; i <= 40; i++) statuses.push((yield* exchange(`${PATH}?id=${i}&f=a&s=b`)).status)
      expect(statuses).toEqual([...Array(20).fill(200), ...Array(5).fill(503), ...Array(15).fill(429)])
      // Ten minutes in which one in thirty passes the limit.
      const passed = new Set<number>()
      for (let i = 1; i <= 600; i++) {
        const { status } = yield* exchange(`${PATH}?id=${i % 30}&f=a&s=b`)
        if (i % 20 === 0) yield* TestClock.adjust("1 second")
        passed.add(status)
      }
      expect([...passed].toSorted()).toEqual([429, 503])
    })
  )

  it.scoped("cannot ask with another method instead", () =>
    Effect.gen(function* () {
      const { exchange, fixture } = yield* start({ limits: { ...NO_LIMITS, address: A_SECOND } })
      const statuses: Array<number> = []
      for (let i = 0; i < 5; i++) statuses.push((yield* exchange(fixture.url(), { method: "PUT" })).status)
      expect(statuses).toEqual([405, 405, 405, 429, 429])
    })
  )
})

describe("an address that is not of ENS_CALLBACK_SOURCES", () => {
  it.scoped("gets 403 for anything, before anything is computed", () =>
    Effect.gen(function* () {
      const { connect, exchange, fixture } = yield* start({ callbackSources: ["192.0.2.0/24"] })
      computed.length = 0
      for (const target of [fixture.url(), PATH]) {
        expect((yield* exchange(target)).status).toBe(403)
        expect((yield* exchange(target, { method: "GET" })).status).toBe(403)
      }
      const connection = yield* connect
      connection.send("POST", fixture.url(), "<half", { "Content-Length": "1000" })
      expect((yield* answerOf(connection)).headers.get("connection")).toBe("close")
      expect(computed.filter((name) => name === "compare")).toEqual([])
      expect(fixture.posts).toBe(0)
    })
  )

  it.scoped("is told by what a trusted proxy says, and by nothing that others say", () =>
    Effect.gen(function* () {
      const callbackSources = ["192.0.2.0/24"]
      const headers = { "X-Forwarded-For": "192.0.2.9" }
      const trusting = yield* start({ callbackSources, trustedProxies: ["127.0.0.1"] })
      expect((yield* trusting.exchange(trusting.fixture.url(), { headers })).body).toContain(OK)
      expect((yield* trusting.exchange(trusting.fixture.url())).status).toBe(403)
      const wary = yield* start({ callbackSources })
      expect((yield* wary.exchange(wary.fixture.url(), { headers })).status).toBe(403)
    })
  )

  it.scoped("is named once a second in the log, with a hint where it forwards for others", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ annotations, message }) => {
      lines.push(`${String(message)} ${JSON.stringify([...annotations])}`)
    })
    return Effect.gen(function* () {
      const { exchange, fixture } = yield* start({ callbackSources: ["192.0.2.1"] })
      const headers = { "X-Forwarded-For": "192.0.2.1" }
      for (let i = 0; i < 10; i++) yield* exchange(fixture.url(), { headers })
      yield* TestClock.adjust("1 second")
      expect(lines).toHaveLength(1)
      expect(lines[0]).toContain("10 callbacks came from an address that is not in ENS_CALLBACK_SOURCES")
      expect(lines[0]).toContain("from 127.0.0.1")
      expect(lines[0]).toContain("ENS_TRUSTED_PROXIES")
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })
})

describe("callbacks that are being held", () => {
  it.scoped("count for the address that a trusted proxy names", () =>
    Effect.gen(function* () {
      const { fixture, held } = yield* start({ callbackHeldMax: 1, trustedProxies: ["127.0.0.1"] })
      fixture.autoReply = undefined
      const from = (source: string) => held(fixture.url(), { "X-Forwarded-For": source })
      expect((yield* from("192.0.2.1")).callback.hurried).toBe(false)
      expect((yield* from("192.0.2.2")).callback.hurried).toBe(false)
      expect((yield* from("192.0.2.1")).callback.hurried).toBe(true)
    })
  )

  it.scoped("are few with one URL: more get 503, and those with the user's next one are taken", () =>
    Effect.gen(function* () {
      const { exchange, fixture, held } = yield* start({
        callbackHeldMax: 1000,
        trustedProxies: ["127.0.0.1"]
      })
      fixture.autoReply = undefined
      const from = (source: string) => ({ "X-Forwarded-For": source })
      const take = (source: string) =>
        Effect.forEach(Array.from({ length: 8 }), () => held(fixture.url("7", 3), from(source)))
      const first = yield* take("192.0.2.1")
      // One address does not take all places.
      expect((yield* exchange(fixture.url("7", 3), { headers: from("192.0.2.1") })).status).toBe(503)
      const leaked = [...first, ...(yield* take("192.0.2.2"))]
      expect((yield* exchange(fixture.url("7", 3))).status).toBe(503)
      // Nor is a large body read through to no purpose.
      expect((yield* exchange(fixture.url("7", 3), { body: "rubbish" })).status).toBe(503)
      const renewed = yield* held(fixture.url("7", 4))
      renewed.reply("Ok")
      expect((yield* answerOf(renewed.connection)).body).toContain(OK)
      for (const { reply } of leaked) reply("Ok")
      const next = yield* held(fixture.url("7", 3))
      next.reply("Ok")
      expect((yield* answerOf(next.connection)).body).toContain(OK)
    })
  )
})
