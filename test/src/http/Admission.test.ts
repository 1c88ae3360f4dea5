import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, TestClock } from "effect"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import { Limits } from "../../../src/http/Limits.ts"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import { type Line, recordLog } from "../../support/DeviceApiFixture.ts"
import { NO_LIMITS } from "../../support/NoLimits.ts"
import { RawHttp } from "../../support/RawHttp.ts"
import { heartbeat } from "./Bodies.ts"
import { KNOWN_TOKEN, ListenerFixture } from "./ListenerFixture.ts"

const TWO_A_MINUTE = { count: 2, per: 60_000, burst: 2 }

const start = (limits: Partial<SettingsShape["limits"]>, some: Partial<SettingsShape> = {}) =>
  Effect.gen(function* () {
    const fixture = new ListenerFixture()
    const services = yield* fixture.listen({ ...some, limits: { ...NO_LIMITS, ...limits } })
    const { port } = Context.get(services, PublicListener)
    const connect = Effect.acquireRelease(
      Effect.promise(() => RawHttp.connect(port)),
      (open) => Effect.sync(() => open.destroy())
    )
    const connection = yield* connect
    const ask = (target: string, headers: Readonly<Record<string, string>> = {}, method = "POST") =>
      Effect.promise(() => {
        connection.send(method, target, "{}", headers)
        return connection.response()
      })
    const callBack = (url: string) =>
      Effect.promise(() => {
        connection.send("POST", url, heartbeat())
        return connection.response()
      })
    return { fixture, port, connect, connection, ask, callBack, limits: Context.get(services, Limits) }
  })

describe("an address that asks too much", () => {
  it.scoped("hears 429 in the envelope with the time to wait, before anything looks at its request", () =>
    Effect.gen(function* () {
      const { ask } = yield* start({ address: TWO_A_MINUTE })
      expect((yield* ask("/api/ens/getpublickey")).body).toBe("app /api/ens/getpublickey")
      yield* ask("/api/ens/unregister")
      yield* TestClock.adjust("10 seconds")
      const refused = yield* ask("/api/ens/getpublickey", { ENSAPIToken: "another" })
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "20"])
      expect(refused.headers.get("connection")).not.toBe("close")
      expect(JSON.parse(refused.body)).toEqual({
        responseCode: 4,
        errorMessage: "too many requests from this address; try again in 20 s",
        version: expect.any(String),
        environmentType: "OnPrem",
        retryAfterSeconds: 20
      })
      yield* TestClock.adjust("20 seconds")
      expect((yield* ask("/api/ens/getpublickey")).status).toBe(200)
    })
  )

  it.scoped("may always call back with a valid MAC, and look whether ENS is well", () =>
    Effect.gen(function* () {
      const { ask, callBack, fixture, port } = yield* start({ address: TWO_A_MINUTE, failed: TWO_A_MINUTE })
      for (let i = 0; i < 4; i++) yield* ask("/api/ens/x")
      expect((yield* ask("/api/ens/x")).status).toBe(429)
      for (let i = 0; i < 4; i++) expect((yield* callBack(fixture.url())).body).toContain("OK")
      const health = [
        "/healthz",
        "/readyz",
        "/readyz?a=b",
        "/API/ens//alive/",
        "/MailNotificationService/api/ens/alive"
      ]
      for (const path of health) expect((yield* ask(path, {}, "GET")).status).toBe(200)
      // As many load balancers ask; the answer would have no body.
      const head = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/healthz`, { method: "HEAD" }))
      expect(head.status).toBe(200)
    })
  )

  it.scoped(
    "is told of ENS's health from memory where it asks for nothing else, and only by GET and HEAD",
    () =>
      Effect.gen(function* () {
        const { ask } = yield* start({})
        for (let i = 0; i < 200; i++) yield* ask("/healthz", {}, "GET")
        const body = (path: string) =>
          Effect.map(ask(path, {}, "GET"), (answer) => [answer.status, answer.body.slice(0, 7)])
        expect(yield* body("/healthz")).toEqual([200, "ok\n"])
        expect(yield* body("/api/ens/alive")).toEqual([200, "<string"])
        expect((yield* ask("/readyz", {}, "GET")).status).toBe(429)
        expect((yield* ask("/healthz")).body).toBe("app /healthz")
        yield* TestClock.adjust("1 seconds")
        expect(yield* body("/readyz")).toEqual([200, "app /re"])
      })
  )

  it.scoped("gets in with a known token as often again, whatever strangers at the same address do", () =>
    Effect.gen(function* () {
      const { ask } = yield* start({ address: TWO_A_MINUTE, failed: TWO_A_MINUTE })
      const known = { ENSAPIToken: KNOWN_TOKEN }
      for (let i = 0; i < 20; i++) yield* ask("/x", { ENSAPIToken: "another" })
      for (let i = 0; i < 2; i++) expect((yield* ask("/x", known)).status).toBe(200)
      const refused = yield* ask("/x", known)
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "30"])
      expect((yield* ask("/x")).status).toBe(429)
    })
  )

  it.scoped("loses its connection where throwing its body away would cost more", () =>
    Effect.gen(function* () {
      const { ask, connect, connection } = yield* start({ address: TWO_A_MINUTE })
      for (let i = 0; i < 2; i++) yield* ask("/x")
      // Of how much it will be nobody knows.
      const other = yield* connect
      other.write("POST /x HTTP/1.1\r\nHost: ens.test\r\nTransfer-Encoding: chunked\r\n\r\n")
      expect((yield* Effect.promise(() => other.response())).headers.get("connection")).toBe("close")
      connection.send("POST", "/x", "", { "Content-Length": "200000000" })
      const refused = yield* Effect.promise(() => connection.response())
      expect([refused.status, refused.headers.get("connection")]).toEqual([429, "close"])
      yield* Effect.promise(() => connection.ended())
    })
  )

  it.scoped("is the one that a trusted proxy names, and nobody else's word counts", () =>
    Effect.gen(function* () {
      const proxied = yield* start({ address: TWO_A_MINUTE }, { trustedProxies: ["127.0.0.0/8"] })
      const from = (address: string) => ({ "X-Forwarded-For": address })
      for (let i = 0; i < 2; i++) yield* proxied.ask("/x", from("192.0.2.1"))
      expect((yield* proxied.ask("/x", from("192.0.2.1"))).status).toBe(429)
      expect((yield* proxied.ask("/x", from("192.0.2.1, 192.0.2.2"))).status).toBe(200)
      const direct = yield* start({ address: TWO_A_MINUTE })
      for (let i = 0; i < 2; i++) yield* direct.ask("/x", from(`192.0.2.${i}`))
      expect((yield* direct.ask("/x", from("192.0.2.9"))).status).toBe(429)
    })
  )
})

describe("an address whose requests are refused too often", () => {
  it.scoped("gets in with a known token only", () =>
    Effect.gen(function* () {
      const { ask, limits } = yield* start({ failed: TWO_A_MINUTE })
      for (let i = 0; i < 2; i++) limits.failed.take("127.0.0.1", 0)
      const refused = yield* ask("/api/ens/getpublickey", { ENSAPIToken: "another" })
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "30"])
      expect(JSON.parse(refused.body).errorMessage).toBe(
        "too many requests from this address were refused; check the path and the API token in the header ENSAPIToken; try again in 30 s"
      )
      expect((yield* ask("/api/ens/getpublickey")).status).toBe(429)
      expect((yield* ask("/api/ens/getpublickey", { ENSAPIToken: ` ${KNOWN_TOKEN} ` })).status).toBe(200)
      yield* TestClock.adjust("30 seconds")
      expect((yield* ask("/api/ens/getpublickey")).status).toBe(200)
    })
  )
})

describe("the log of what limits refuse", () => {
  it.scoped("has one line a minute for each limit, and tells of a proxy that is not in the settings", () => {
    const lines: Array<Line> = []
    return Effect.gen(function* () {
      const { ask } = yield* start({ address: TWO_A_MINUTE })
      for (let i = 0; i < 7; i++) yield* ask("/x", { "X-Forwarded-For": `192.0.2.${i}` })
      yield* TestClock.adjust("59 seconds")
      expect(lines.filter(({ text }) => text.includes("ENS_LIMIT"))).toEqual([])
      yield* TestClock.adjust("1 seconds")
      yield* TestClock.adjust("2 minutes")
      expect(
        lines.filter(({ text }) => text.includes("ENS_LIMIT")).map(({ level, text }) => [level, text])
      ).toEqual([
        [
          "WARN",
          "ENS_LIMIT_ADDRESS: 5 requests were refused in the last minute, nearly all from 127.0.0.1. They carry X-Forwarded-For: if 127.0.0.1 is your proxy, name it in ENS_TRUSTED_PROXIES, else all its clients share one limit"
        ]
      ])
    }).pipe(Effect.provide(recordLog(lines)))
  })
})
