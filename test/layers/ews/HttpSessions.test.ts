import { X509Certificate } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, TestClock } from "effect"
import type { HttpSessions } from "../../../layers/ews/HttpSessions.ts"
import type { HttpSessionsOptions } from "../../../layers/ews/HttpSessionsLive.ts"
import { callbackBudget, registrationBudget } from "../../../layers/ews/LogInBudget.ts"
import { fingerprintsOf } from "../../../layers/net/Pins.ts"
import type { SettingsShape } from "../../../schemas/Settings.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { ntlmGate } from "../../support/NtlmGate.ts"
import {
  type ScriptedServer,
  type Step,
  say,
  scriptedServer,
  scriptedTlsServer
} from "../../support/ScriptedServer.ts"
import {
  ask,
  callerWith,
  certificate,
  endpointAt,
  open,
  outcome,
  request,
  sessionsLayer
} from "../../support/SessionCaller.ts"

/** Asks for one of these schemes, and lets pass whoever sends an `Authorization` with the first. */
const wants =
  (scheme: string, ...others: ReadonlyArray<string>): Step =>
  (response, { headers }) =>
    headers.authorization?.startsWith(`${scheme} `)
      ? response.writeHead(200).end()
      : response.writeHead(401, { "www-authenticate": [scheme, ...others] }).end()

const offering = (...schemes: Array<string>): Step => say(401, "refused", { "www-authenticate": schemes })
const hold: Step = () => {}
const ada = { address: "ada@example.com", password: "pässword" }
const passwordOf = (user: string) => (user === ada.address ? ada.password : undefined)

/** Scheme and body of all that came. */
const seen = (server: ScriptedServer) =>
  server.requests.map(({ body, headers }) =>
    [headers.authorization?.split(" ")[0] ?? "-", body === "" ? "empty" : "whole"].join(" ")
  )

type Test = Effect.Effect<void, unknown, HttpSessions | Scope.Scope>
interface Around {
  readonly options?: Partial<HttpSessionsOptions>
  readonly settings?: Partial<SettingsShape>
}

/** Over real sockets, so with the real clock. */
const test = (name: string, body: Test, { options, settings }: Around = {}) =>
  it.scopedLive(name, () => Effect.provide(body, sessionsLayer(options, settings)))

describe("A session with a password", () => {
  test(
    "asks without it what the server wants, and the next one knows",
    Effect.gen(function* () {
      const server = yield* scriptedServer
      server.script(wants("Basic"))
      const endpoint = endpointAt(server.origin)
      for (let user = 0; user < 2; user++) {
        const session = yield* open(callerWith())
        expect((yield* ask(session, endpoint)).status).toBe(200)
        expect((yield* ask(session, endpoint)).status).toBe(200)
      }
      expect(seen(server)).toEqual(["- empty", ...Array(4).fill("Basic whole")])
      expect(server.requests[0]?.headers["content-length"]).toBe("0")
      // Another virtual directory may offer something else.
      yield* ask(yield* open(callerWith()), endpointAt(server.origin, "/Autodiscover/Autodiscover.xml"))
      expect(seen(server).slice(5)).toEqual(["- empty", "Basic whole"])
    })
  )

  it.scoped("asks again after an hour", () =>
    Effect.gen(function* () {
      const server = yield* scriptedServer
      server.script(wants("Basic"))
      yield* ask(yield* open(callerWith()), endpointAt(server.origin))
      yield* TestClock.adjust("59 minutes")
      yield* ask(yield* open(callerWith()), endpointAt(server.origin))
      yield* TestClock.adjust("1 minutes")
      yield* ask(yield* open(callerWith()), endpointAt(server.origin))
      expect(seen(server)).toEqual(["- empty", "Basic whole", "Basic whole", "- empty", "Basic whole"])
    }).pipe(Effect.provide(sessionsLayer()))
  )

  test(
    "chooses anew, at no cost, when the server does not take the scheme any more",
    Effect.gen(function* () {
      const server = yield* scriptedTlsServer(certificate)
      const gate = ntlmGate({ offers: ["Negotiate", "NTLM"], passwordOf }, say(200))
      server.script(wants("Basic"))
      yield* ask(yield* open(callerWith()), endpointAt(server.origin))
      server.script(gate.step)
      const budget = callbackBudget()
      expect((yield* ask(yield* open(callerWith({ budget })), endpointAt(server.origin))).status).toBe(200)
      expect(budget.allows).toBe(true)
      yield* ask(yield* open(callerWith()), endpointAt(server.origin))
      expect(seen(server).slice(2)).toEqual([
        ...["Basic whole", "NTLM empty", "NTLM whole"],
        ...["- empty", "NTLM empty", "NTLM whole"]
      ])
    })
  )

  test(
    "does not follow a server for ever that always offers something else",
    Effect.gen(function* () {
      const server = yield* scriptedTlsServer(certificate)
      server.script((response, { headers }) => {
        const basic = headers.authorization?.startsWith("Basic") === true
        response.writeHead(401, { "www-authenticate": basic ? "NTLM" : "Basic" }).end()
      })
      const budget = callbackBudget()
      const session = yield* open(callerWith({ budget }))
      expect(yield* outcome(ask(session, endpointAt(server.origin)))).toMatchObject({
        _tag: "EwsRefused",
        responseCode: expect.stringContaining("without a challenge")
      })
      expect(seen(server)).toEqual(["- empty", "Basic whole", "NTLM empty"])
    })
  )

  test(
    "sends nothing where nothing fits, and says what would",
    Effect.gen(function* () {
      const server = yield* scriptedServer
      const rows = [
        [offering("Bearer"), "it offers Bearer; for passwords register with auth type OAuth"],
        [offering("NTLM"), "NTLM is used over https only"],
        [say(401), "it offers no way to log in; check the EWS URL"]
      ] as const
      for (const [step, reason] of rows) {
        server.script(step)
        expect(
          yield* outcome(ask(yield* open(callerWith()), endpointAt(server.origin, `/${reason[10]}`)))
        ).toMatchObject({ _tag: "EwsRefused", responseCode: expect.stringContaining(reason) })
      }
      expect(seen(server)).toEqual(["- empty", "- empty", "- empty"])
    })
  )

  test(
    "is not refused because of what a server said earlier, or to a token",
    Effect.gen(function* () {
      const server = yield* scriptedServer
      const endpoint = endpointAt(server.origin)
      server.script(offering("Bearer"))
      expect(yield* outcome(ask(yield* open(callerWith()), endpoint))).toMatchObject({ _tag: "EwsRefused" })
      server.script(wants("Basic"))
      expect(yield* outcome(ask(yield* open(callerWith()), endpoint))).toBe(200)
      server.script(offering("Bearer"), wants("Basic"))
      const token = { authType: "OAuth", credentials: { ...ada, accessToken: "expired" } } as const
      expect(yield* outcome(ask(yield* open(callerWith(token)), endpoint))).toMatchObject({
        scheme: "Bearer"
      })
      expect(yield* outcome(ask(yield* open(callerWith()), endpoint))).toBe(200)
      expect(seen(server)).toEqual([
        "- empty",
        ...["- empty", "Basic whole"],
        ...["Bearer whole", "Basic whole"]
      ])
    })
  )

  test(
    "passes on what the server answers in place of asking for a log-in, but takes no welcome for a log-in",
    Effect.gen(function* () {
      const server = yield* scriptedServer
      const session = yield* open(callerWith())
      for (const status of [302, 403, 404, 500, 503]) {
        server.script(say(status))
        expect(yield* outcome(ask(session, endpointAt(server.origin)))).toBe(status)
      }
      server.script(say(200, "<html>sign in</html>"))
      expect(yield* outcome(ask(session, endpointAt(server.origin)))).toMatchObject({
        _tag: "EwsUnusable",
        status: 200,
        reason: "it asks for no log-in"
      })
      expect(new Set(seen(server))).toEqual(new Set(["- empty"]))
    })
  )

  test(
    "does as the operator says for the host",
    Effect.gen(function* () {
      const server = yield* scriptedTlsServer(certificate)
      const gate = ntlmGate({ scheme: "Negotiate", offers: ["Negotiate", "Basic"], passwordOf }, say(200))
      server.script(gate.step)
      expect((yield* ask(yield* open(callerWith()), endpointAt(server.origin))).status).toBe(200)
      expect(seen(server)).toEqual(["NTLM empty", "Negotiate empty", "Negotiate whole"])
    }),
    { settings: { ewsPasswordAuth: { otherwise: "basic", hosts: new Map([["127.0.0.1", "ntlm"]]) } } }
  )

  test(
    "is told that the log-in is at fault when nobody answers it in time, not the call",
    Effect.gen(function* () {
      const server = yield* scriptedServer
      server.script(hold)
      const session = yield* open(callerWith())
      const endpoint = endpointAt(server.origin)
      expect(yield* outcome(session.send(endpoint, request, 50))).toMatchObject({
        _tag: "EwsUnreachable",
        reason: "no log-in within 50 ms",
        sent: false
      })
      server.script(offering("Basic"), hold)
      expect(yield* outcome(session.send(endpoint, request, 50))).toMatchObject({
        _tag: "EwsTimeout",
        milliseconds: 50
      })
    })
  )
})

describe("A session with NTLM", () => {
  const ntlm = Effect.gen(function* () {
    const server = yield* scriptedTlsServer(certificate)
    const gate = ntlmGate({ passwordOf }, (response, { body }) => response.writeHead(200).end(body))
    server.script(gate.step)
    return { server, gate, endpoint: endpointAt(server.origin) }
  })

  test(
    "logs in once, on a connection of its own that ends with it",
    Effect.gen(function* () {
      const { endpoint, gate, server } = yield* ntlm
      yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* open(callerWith())
          for (let call = 0; call < 3; call++) {
            expect(Buffer.from((yield* ask(session, endpoint)).body).toString()).toBe("<whole/>")
          }
        })
      )
      expect(seen(server)).toEqual(["- empty", "NTLM empty", "NTLM whole", "- whole", "- whole"])
      yield* server.hungUp(1)
      const other = yield* open(callerWith({ credentials: { address: "eve@example.com", password: "x" } }))
      expect(yield* outcome(ask(other, endpoint))).toMatchObject({ _tag: "EwsUnauthorized", scheme: "NTLM" })
      expect(server.connections()).toBe(2)
      expect(gate.logIns).toMatchObject([{ user: "ada@example.com", domain: "" }, "no such user"])
    })
  )

  test(
    "is bound to the channel, unless the operator knows better",
    Effect.gen(function* () {
      const { endpoint, gate } = yield* ntlm
      yield* ask(yield* open(callerWith()), endpoint)
      expect(gate.logIns).toMatchObject([{ channelBinding: expect.any(Buffer) }])
      yield* ask(yield* open(callerWith()), endpoint).pipe(
        Effect.provide(sessionsLayer({}, { ewsNoChannelBinding: ["127.0.0.1"] }))
      )
    })
  )

  test(
    "leaves the binding out where something else ends TLS",
    Effect.gen(function* () {
      const { endpoint, gate } = yield* ntlm
      yield* ask(yield* open(callerWith()), endpoint)
      expect(gate.logIns).toMatchObject([{ channelBinding: undefined }])
    }),
    { settings: { ewsNoChannelBinding: ["127.0.0.0/8"] } }
  )

  test(
    "logs in again when the connection is gone, or the server has forgotten who is on it",
    Effect.gen(function* () {
      const { endpoint, gate, server } = yield* ntlm
      const session = yield* open(callerWith())
      yield* ask(session, endpoint)
      gate.forget()
      yield* ask(session, endpoint)
      expect(seen(server).slice(3)).toEqual(["- whole", "NTLM empty", "NTLM whole"])
      server.script((response, received) => {
        response.setHeader("connection", "close")
        gate.step(response, received)
      })
      yield* ask(session, endpoint)
      yield* server.hungUp(1)
      server.script(gate.step)
      yield* ask(session, endpoint)
      expect(seen(server).slice(6)).toEqual(["- whole", "NTLM empty", "NTLM whole"])
      expect(gate.logIns.length).toBe(3)
    })
  )

  test(
    "says so if the server never keeps a connection for it",
    Effect.gen(function* () {
      const { endpoint, gate, server } = yield* ntlm
      server.script((response, received) => {
        response.setHeader("connection", "close")
        gate.step(response, received)
      })
      expect(yield* outcome(ask(yield* open(callerWith()), endpoint))).toMatchObject({
        _tag: "EwsRefused",
        responseCode: expect.stringContaining("NTLM needs one that is kept")
      })
      expect(gate.logIns).toEqual([])
    })
  )

  test(
    "shows a stranger no connection on which it has logged in",
    Effect.gen(function* () {
      const { endpoint, server } = yield* ntlm
      const session = yield* open(callerWith())
      yield* ask(session, endpoint)
      const answer = yield* session.sendAnonymously(endpoint, request, 10_000)
      expect(answer.status).toBe(401)
      expect(server.connections()).toBe(2)
      expect(server.requests.at(-1)?.headers).not.toHaveProperty("authorization")
    })
  )

  test(
    "ends the connection when it is interrupted in the middle of the log-in",
    Effect.gen(function* () {
      const { endpoint, gate, server } = yield* ntlm
      server.script(offering("NTLM"), gate.step, hold)
      const session = yield* open(callerWith())
      const running = yield* Effect.fork(ask(session, endpoint))
      yield* server.received(3)
      yield* Fiber.interrupt(running)
      yield* server.hungUp(1)
      server.script(gate.step)
      expect((yield* ask(session, endpoint)).status).toBe(200)
      expect(server.connections()).toBe(2)
    })
  )
})

describe("A session's rejected log-ins", () => {
  test(
    "are counted over all hosts, and none is tried when they are used up",
    Effect.gen(function* () {
      const servers = yield* Effect.all([scriptedServer, scriptedServer, scriptedServer])
      for (const server of servers) server.script(offering("Basic"))
      const session = yield* open(callerWith({ budget: registrationBudget() }))
      const outcomes = yield* Effect.forEach(servers, ({ origin }) =>
        outcome(ask(session, endpointAt(origin)))
      )
      expect(outcomes).toMatchObject([
        { _tag: "EwsUnauthorized", scheme: "Basic", offered: ["Basic"] },
        { _tag: "EwsUnauthorized", scheme: "Basic" },
        { _tag: "EwsUnauthorized", offered: [], spent: true }
      ])
      expect(servers.map(seen)).toEqual([["- empty", "Basic whole"], ["- empty", "Basic whole"], []])
    })
  )

  test(
    "cost one each, however they were sent, and a challenge costs none",
    Effect.gen(function* () {
      const server = yield* scriptedTlsServer(certificate)
      const endpoint = endpointAt(server.origin)
      const refused = ntlmGate({ passwordOf: () => "another" }, say(200))
      const rows = [
        [refused.step, callerWith({ budget: callbackBudget() }), "NTLM"],
        [
          offering("Bearer"),
          callerWith({
            authType: "OAuth",
            credentials: { address: ada.address, accessToken: "expired" },
            budget: callbackBudget()
          }),
          "Bearer"
        ]
      ] as const
      for (const [step, caller, scheme] of rows) {
        server.script(step)
        const session = yield* open(caller)
        expect(yield* outcome(ask(session, endpoint))).toMatchObject({ _tag: "EwsUnauthorized", scheme })
        expect(caller.budget.allows).toBe(false)
        const before = server.requests.length
        expect(yield* outcome(ask(session, endpoint))).toMatchObject({ _tag: "EwsUnauthorized" })
        expect(server.requests.length).toBe(before)
      }
      expect(refused.logIns).toEqual(["wrong password"])
    })
  )
})

describe("A session", () => {
  test(
    "brings cookies back to their origin, and to nobody else",
    Effect.gen(function* () {
      const [server, other] = yield* Effect.all([scriptedServer, scriptedServer])
      for (const one of [server, other]) {
        one.script((response, received) => {
          if (received.headers.cookie === undefined) {
            response.setHeader("set-cookie", ["X-BackEndOverrideCookie=a~1; path=/; HttpOnly", "lb=2"])
          }
          wants("Basic")(response, received)
        })
      }
      const session = yield* open(callerWith())
      yield* ask(session, endpointAt(server.origin))
      yield* ask(session, endpointAt(other.origin))
      yield* session.sendAnonymously(endpointAt(server.origin), request, 10_000)
      yield* ask(yield* open(callerWith()), endpointAt(server.origin))
      const cookies = (one: ScriptedServer) => one.requests.map(({ headers }) => headers.cookie)
      const both = "X-BackEndOverrideCookie=a~1; lb=2"
      expect(cookies(server)).toEqual([undefined, both, undefined, undefined])
      expect(cookies(other)).toEqual([undefined, both])
    })
  )

  test(
    "has one connection at a time, and leaves its place when it goes to another host",
    Effect.gen(function* () {
      const [server, other] = yield* Effect.all([scriptedServer, scriptedServer])
      for (const one of [server, other]) one.script(wants("Basic"))
      const session = yield* open(callerWith())
      yield* ask(session, endpointAt(server.origin))
      const second = yield* open(callerWith())
      expect(yield* outcome(second.send(endpointAt(server.origin), request, 50))).toMatchObject({
        _tag: "EwsBusy",
        responseCode: "no connection became free"
      })
      yield* ask(session, endpointAt(other.origin))
      expect((yield* ask(second, endpointAt(server.origin))).status).toBe(200)
      expect(server.connections()).toBe(1)
    }),
    { options: { connectionsPerHost: 1 } }
  )

  test(
    "counts places by host, and lends connections only to what they were made for",
    Effect.gen(function* () {
      const server = yield* scriptedTlsServer(certificate)
      server.script(wants("Basic"))
      const prints = fingerprintsOf(new X509Certificate(certificate.cert))
      const once = (pins: ReadonlyArray<string>) =>
        Effect.scoped(
          Effect.flatMap(open(callerWith()), (session) =>
            ask(session, endpointAt(server.origin, undefined, { pins }))
          )
        )
      yield* once([])
      yield* once([])
      expect(server.connections()).toBe(1)
      yield* once([prints.key])
      yield* once([prints.key])
      expect(server.connections()).toBe(2)
      yield* server.hungUp(1)
    }),
    { options: { connectionsPerHost: 1 } }
  )

  test(
    "is served after those that came before it, and gives its place on when it gives up",
    Effect.gen(function* () {
      const server = yield* scriptedServer
      server.script(wants("Basic"))
      const endpoint = endpointAt(server.origin)
      const done: Array<number> = []
      const first = yield* Effect.fork(
        Effect.scoped(
          Effect.gen(function* () {
            yield* ask(yield* open(callerWith()), endpoint)
            yield* Effect.never
          })
        )
      )
      yield* server.received(2)
      const waiting = yield* Effect.forEach([0, 1, 2], (index) =>
        Effect.flatMap(open(callerWith()), (session) => ask(session, endpoint)).pipe(
          Effect.scoped,
          Effect.tap(() => done.push(index)),
          Effect.fork,
          Effect.zipLeft(Effect.yieldNow())
        )
      )
      yield* Fiber.interrupt(waiting[1]!)
      yield* Fiber.interrupt(first)
      yield* Fiber.joinAll([waiting[0]!, waiting[2]!])
      expect(done).toEqual([0, 2])
      expect(server.concurrent()).toBe(1)
    }),
    { options: { connectionsPerHost: 1 } }
  )

  it.scoped("gives a call no more time because it had to wait twice", () =>
    Effect.gen(function* () {
      const [server, other] = yield* Effect.all([scriptedServer, scriptedServer])
      for (const one of [server, other]) one.script(wants("Basic"))
      yield* ask(yield* open(callerWith()), endpointAt(other.origin))
      const session = yield* open(callerWith())
      yield* ask(session, endpointAt(server.origin))
      const held = yield* Deferred.make<() => void>()
      server.script((response) =>
        Deferred.unsafeDone(
          held,
          Effect.succeed(() => response.end())
        )
      )
      const first = yield* Effect.fork(ask(session, endpointAt(server.origin)))
      const release = yield* Deferred.await(held)
      const second = yield* Effect.fork(outcome(session.send(endpointAt(other.origin), request, 1_000)))
      yield* TestClock.adjust("900 millis")
      release()
      yield* Fiber.join(first)
      yield* TestClock.adjust("100 millis")
      expect(yield* Fiber.join(second)).toMatchObject({ _tag: "EwsBusy" })
    }).pipe(Effect.provide(sessionsLayer({ connectionsPerHost: 1 })))
  )

  test(
    "ends what it still asks for when it is closed, and lends nobody its connection",
    Effect.gen(function* () {
      const server = yield* scriptedServer
      server.script(hold, wants("Basic"))
      const endpoint = endpointAt(server.origin)
      const scope = yield* Scope.make()
      const session = yield* Scope.extend(open(callerWith()), scope)
      const running = yield* Effect.fork(outcome(ask(session, endpoint)))
      yield* server.received(1)
      yield* Scope.close(scope, Exit.void)
      expect(yield* Fiber.join(running)).toMatchObject({ _tag: "EwsUnreachable" })
      expect((yield* ask(yield* open(callerWith()), endpoint)).status).toBe(200)
      expect(server.connections()).toBe(2)
    })
  )

  test(
    "makes one request at a time, although it is asked for more",
    Effect.gen(function* () {
      const server = yield* scriptedServer
      server.script(wants("Basic"))
      const session = yield* open(callerWith())
      const call = ask(session, endpointAt(server.origin))
      yield* Effect.all([call, call, call], { concurrency: "unbounded" })
      expect([server.concurrent(), server.connections()]).toEqual([1, 1])
      expect(seen(server)).toEqual(["- empty", "Basic whole", "Basic whole", "Basic whole"])
    })
  )

  test(
    "names the devices to a gateway that vouches for them, and to nobody else",
    Effect.gen(function* () {
      const server = yield* scriptedServer
      server.script(wants("Basic", "NTLM"))
      const session = yield* open(callerWith({ devices: ["A1", "b,2 ü\r\n"] }))
      yield* ask(session, endpointAt(server.origin, undefined, { seg: true }))
      yield* ask(session, endpointAt(server.origin))
      expect(server.requests.map(({ headers }) => headers["x-devices"])).toEqual([
        "A1,b%2C2%20%C3%BC%0D%0A",
        "A1,b%2C2%20%C3%BC%0D%0A",
        undefined
      ])
    }),
    { settings: { segDeviceHeader: "X-Devices" } }
  )

  test(
    "says that a server may want a certificate which it has not got",
    Effect.gen(function* () {
      const server = yield* scriptedTlsServer({
        ...certificate,
        ca: certificate.cert,
        requestCert: true,
        rejectUnauthorized: true
      })
      expect(yield* outcome(ask(yield* open(callerWith()), endpointAt(server.origin)))).toMatchObject({
        _tag: "EwsUnreachable",
        reason: expect.stringMatching(/client certificate/),
        sent: false
      })
    })
  )

  test(
    "logs the ids that administrators look for, and no secret",
    Effect.gen(function* () {
      const server = yield* scriptedTlsServer(certificate)
      const lines: Array<LogRecorder.LogLine> = []
      server.script(offering("NTLM"), ntlmGate({ passwordOf }, say(200)).step)
      const token = { address: ada.address, accessToken: "eyJ-secret-token" }
      yield* Effect.gen(function* () {
        yield* ask(yield* open(callerWith()), endpointAt(server.origin))
        server.script(
          say(401, "", {
            "www-authenticate": "Bearer",
            "request-id": "11-22",
            "x-feserver": "EXCH\u00e9",
            "x-aw-seg-transaction-id": "s".repeat(100),
            "x-ms-diagnostics": `2000008;reason="The token eyJ-secret-token of ada@example.com";error_category="invalid_lifetime"`
          })
        )
        const session = yield* open(callerWith({ authType: "OAuth", credentials: token }))
        yield* outcome(ask(session, endpointAt(server.origin)))
      }).pipe(Effect.provide(LogRecorder.layer(lines)))
      const text = lines.map((line) => line.text).join("\n")
      expect(text).toContain('["requestId","11-22"]')
      expect(text).toContain('["frontEnd","EXCH?"]')
      expect(text).toContain(`["segTransactionId","${"s".repeat(64)}"]`)
      expect(text).toContain('["refusal","2000008 invalid_lifetime"]')
      for (const secret of ["pässword", "ada@", "secret-token", "TlRM"]) expect(text).not.toContain(secret)
    })
  )
})
