import { createServer } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Fiber } from "effect"
import { EwsUrlNotAllowed } from "../../../layers/ews/EndpointPolicy.ts"
import { USER_AGENT } from "../../../layers/ews/HttpSessionsLive.ts"
import type { AuthType, Credentials } from "../../../schemas/Credentials.ts"
import type { ItemId } from "../../../schemas/Ids.ts"
import { EwsCaller, type EwsClientOptions, layerWith, timedAccount } from "../../support/EwsCaller.ts"
import { type ScriptedServer, type Step, say, scriptedServer } from "../../support/ScriptedServer.ts"
import { envelope, fault, item, responses } from "../../support/SoapText.ts"

const M = "http://schemas.microsoft.com/exchange/services/2006/messages"
const T = "http://schemas.microsoft.com/exchange/services/2006/types"
const response = (operation: string, content: string) =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:${operation}Response
    xmlns:m="${M}" xmlns:t="${T}"><m:ResponseMessages><m:${operation}ResponseMessage ResponseClass="Success">
    <m:ResponseCode>NoError</m:ResponseCode>${content}</m:${operation}ResponseMessage></m:ResponseMessages>
    </m:${operation}Response></s:Body></s:Envelope>`
const inbox = say(
  200,
  response(
    "GetFolder",
    '<m:Folders><t:Folder><t:FolderId Id="F"/><t:UnreadCount>3</t:UnreadCount></t:Folder></m:Folders>'
  )
)
const PATH = "/EWS/Exchange.asmx"
const hold: Step = () => {}
const cut: Step = (response) => response.destroy()

const basic: Credentials = { address: "ada@example.com", password: "pässword" }
const account = (server: { readonly origin: string }, changes: Parameters<typeof timedAccount>[1] = {}) =>
  timedAccount(`${server.origin}${PATH}`, changes)

/** Runs over real sockets, so with the real clock. */
const withServer = (
  name: string,
  test: (server: ScriptedServer, ews: EwsCaller["Type"]) => Effect.Effect<void, unknown>,
  options: Partial<EwsClientOptions> = {}
) =>
  it.live(name, () =>
    Effect.gen(function* () {
      const server = yield* scriptedServer
      yield* Effect.flatMap(EwsCaller, (ews) => test(server, ews)).pipe(Effect.provide(layerWith(options)))
    }).pipe(Effect.scoped)
  )

const failure = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), (error) => ({ ...error }))

describe("EwsClient", () => {
  withServer("makes the three calls and reads their answers", (server, ews) =>
    Effect.gen(function* () {
      server.script(
        say(200, response("Subscribe", "<m:SubscriptionId>S</m:SubscriptionId><m:Watermark>W</m:Watermark>")),
        inbox,
        say(200, response("GetItem", '<m:Items><t:Message><t:ItemId Id="A"/></t:Message></m:Items>'))
      )
      const caller = account(server)
      expect(yield* ews.subscribe(caller, "https://ens/?id=1&f=2", 15)).toEqual({
        subscriptionId: "S",
        watermark: "W"
      })
      expect(yield* ews.inbox(caller)).toEqual({ folderId: "F", unreadCount: 3, serverVersion: undefined })
      const shape = { sender: true, subject: true, preview: true }
      expect(yield* ews.mails(caller, ["A" as ItemId, "B" as ItemId], shape)).toMatchObject([{ itemId: "A" }])
      expect(yield* ews.mails(caller, [], shape)).toEqual([])
      expect(server.requests.map(({ url }) => url)).toEqual([PATH, PATH, PATH])
      expect(server.connections()).toBe(1)
    })
  )

  withServer("sends the headers that Exchange's administrators look for", (server, ews) =>
    Effect.gen(function* () {
      server.script(inbox)
      yield* Effect.either(ews.subscribe(account(server), "https://ens/", 15))
      yield* ews.inbox(account(server))
      const [subscribe, getFolder] = server.requests.map(({ headers }) => headers)
      expect(subscribe).toMatchObject({
        "user-agent": USER_AGENT,
        "client-request-id": "0a0a0a0a-1111-4222-8333-444444444444",
        "return-client-request-id": "true",
        soapaction: `"${M}/Subscribe"`,
        "x-anchormailbox": "ada@example.com",
        "x-preferserveraffinity": "true",
        accept: "text/xml",
        "content-type": "text/xml; charset=utf-8"
      })
      expect(getFolder).toHaveProperty("x-anchormailbox", "ada@example.com")
      expect(USER_AGENT).toBe("MailNotificationService/v2 (ExchangeServicesClient/15.00.0913.015)")
    })
  )

  const logIns: ReadonlyArray<readonly [string, AuthType, Credentials, string]> = [
    ["the address", "Basic", basic, `Basic ${Buffer.from("ada@example.com:pässword").toString("base64")}`],
    [
      "domain and user name",
      "Basic",
      { ...basic, username: "ada", domain: "CORP", password: "a:b" },
      `Basic ${Buffer.from("CORP\\ada:a:b").toString("base64")}`
    ],
    ["an access token", "OAuth", { address: "ada@example.com", accessToken: "eyJ.a-b_c" }, "Bearer eyJ.a-b_c"]
  ]
  for (const [what, authType, credentials, expected] of logIns) {
    withServer(`logs in with ${what}, and names what a 401 offers instead`, (server, ews) =>
      Effect.gen(function* () {
        server.script(inbox, say(401, "", { "www-authenticate": ["Negotiate", "NTLM"] }))
        const caller = account(server, { authType, credentials })
        yield* ews.inbox(caller)
        expect(server.requests[0]?.headers.authorization).toBe(expected)
        expect(yield* failure(ews.inbox(caller))).toMatchObject({
          _tag: "EwsUnauthorized",
          offered: ["Negotiate", "NTLM"]
        })
        expect(server.requests.length).toBe(2)
      })
    )
  }

  const impossible: ReadonlyArray<readonly [AuthType, Credentials, string]> = [
    ["Certificate", { address: "a@b", certificate: "MII" }, "a client certificate needs an https URL"],
    ["Dual", { ...basic, certificate: "MII" }, "a client certificate needs an https URL"],
    ["Basic", { address: "a@b" }, "no password given"],
    ["Basic", { ...basic, username: "a:b" }, "user name with a colon"],
    ["OAuth", { address: "a@b" }, "no access token given"],
    ["OAuth", { address: "a@b", accessToken: "a\r\nX-Evil: 1" }, "malformed access token"]
  ]
  withServer("refuses by itself what it cannot log in with, and sends nothing", (server, ews) =>
    Effect.gen(function* () {
      for (const [authType, credentials, responseCode] of impossible) {
        expect(yield* failure(ews.inbox(account(server, { authType, credentials })))).toMatchObject({
          _tag: "EwsRefused",
          responseCode
        })
      }
      expect(server.connections()).toBe(0)
    })
  )

  withServer("follows a redirect to an EWS URL, and sends the log-in along", (server, ews) =>
    Effect.gen(function* () {
      const target = yield* scriptedServer
      target.script(inbox)
      for (const status of [301, 302, 307, 308]) {
        server.script(say(status, "", { location: `${target.origin}${PATH}` }))
        expect((yield* ews.inbox(account(server))).unreadCount).toBe(3)
      }
      expect(target.requests.map(({ body, url }) => [url, body])).toEqual(
        server.requests.map(({ body, url }) => [url, body])
      )
      expect(target.requests[0]?.headers.authorization).toBe(server.requests[0]?.headers.authorization)
    }).pipe(Effect.scoped)
  )

  withServer("follows no redirect to anywhere else: nothing reaches its target", (server, ews) =>
    Effect.gen(function* () {
      const target = yield* scriptedServer
      const nowhere = { allow: () => Effect.fail(new EwsUrlNotAllowed({ host: "127.0.0.1" })) }
      for (const [path, changes] of [
        ["/owa/", {}],
        [PATH, nowhere]
      ] as const) {
        server.script(say(302, "", { location: `${target.origin}${path}` }))
        expect(yield* failure(ews.inbox(account(server, changes)))).toMatchObject({
          _tag: "EwsUnusable",
          status: 302
        })
      }
      expect(target.connections()).toBe(0)
    }).pipe(Effect.scoped)
  )

  withServer("asks an older server as it understands it, and makes previews of texts there", (server, ews) =>
    Effect.gen(function* () {
      const tooNew = say(500, envelope(fault("ErrorInvalidServerVersion"), [14, 3]))
      const found = (more: string) => say(200, envelope(responses("GetItem", item("A", more))))
      server.script(
        tooNew,
        found("<t:Size>99</t:Size>"),
        found('<t:Body BodyType="Text">Hello,\n you</t:Body>')
      )
      const shape = { sender: true, subject: true, preview: true }
      expect(yield* ews.mails(account(server), ["A" as ItemId], shape)).toMatchObject([
        { itemId: "A", preview: "Hello, you" }
      ])
      expect(server.requests.map(({ body }) => /Version="(\w+)"\/>/.exec(body)?.[1])).toEqual([
        "Exchange2013",
        "Exchange2010_SP2",
        "Exchange2010_SP2"
      ])
    })
  )

  withServer("carries no cookies from one call to the next", (server, ews) =>
    Effect.gen(function* () {
      server.script((response, request) => {
        response.setHeader("set-cookie", "exchangecookie=1")
        inbox(response, request)
      })
      yield* ews.inbox(account(server))
      yield* ews.inbox(account(server))
      expect(server.requests[1]?.headers).not.toHaveProperty("cookie")
    })
  )

  withServer(
    "tells a busy host, a forbidden mailbox and a page that is none from each other",
    (server, ews) =>
      Effect.gen(function* () {
        const busy = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>
        <faultcode>a:ErrorServerBusy</faultcode><detail><t:MessageXml xmlns:t="${T}">
        <t:Value Name="BackOffMilliseconds">1500</t:Value></t:MessageXml></detail></s:Fault></s:Body></s:Envelope>`
        server.script(
          say(500, busy),
          say(503, "", { "retry-after": "7" }),
          say(403),
          say(200, "<html><body>Sign in</body></html>")
        )
        const caller = account(server)
        expect(yield* failure(ews.inbox(caller))).toMatchObject({ _tag: "EwsBusy", retryAfter: 1500 })
        expect(yield* failure(ews.inbox(caller))).toMatchObject({ _tag: "EwsBusy", retryAfter: 7000 })
        expect(yield* failure(ews.inbox(caller))).toMatchObject({ _tag: "EwsForbidden" })
        expect(yield* failure(ews.inbox(caller))).toMatchObject({
          _tag: "EwsUnusable",
          reason: "an HTML page"
        })
      })
  )

  withServer(
    "gives up on a host that falls silent, before the answer or within it",
    (server, ews) =>
      Effect.gen(function* () {
        server.script(hold, (response) => response.writeHead(200).write("<s:Envelope"))
        const silent = { _tag: "EwsTimeout", milliseconds: 50 }
        expect(yield* failure(ews.inbox(account(server)))).toMatchObject(silent)
        expect(yield* failure(ews.inbox(account(server)))).toMatchObject(silent)
        yield* server.hungUp(2)
      }),
    { silence: 50 }
  )

  withServer("ends a call after its whole time, although the host keeps talking", (server, ews) =>
    Effect.gen(function* () {
      server.script((response) => {
        const drip = setInterval(() => response.write(" "), 5)
        response.on("close", () => clearInterval(drip))
      })
      expect(yield* failure(ews.inbox(account(server, { timeout: 100 })))).toMatchObject({
        _tag: "EwsTimeout",
        operation: "GetFolder",
        milliseconds: 100
      })
      yield* server.hungUp(1)
    })
  )

  withServer("reads no more of an answer than the limit", (server, ews) =>
    Effect.gen(function* () {
      server.script((response) => {
        const flood = () => response.write("x".repeat(65_536), (error) => error ?? flood())
        flood()
      })
      expect(yield* failure(ews.inbox(account(server)))).toMatchObject({
        _tag: "EwsUnusable",
        status: 200,
        reason: "too large"
      })
      yield* server.hungUp(1)
    })
  )

  withServer("knows whether a request may have reached the host that hung up", (server, ews) =>
    Effect.gen(function* () {
      server.script(cut, inbox)
      expect(yield* failure(ews.inbox(account(server)))).toMatchObject({ _tag: "EwsUnreachable", sent: true })
      expect((yield* ews.inbox(account(server))).unreadCount).toBe(3)
      expect(server.requests.length).toBe(2)
      const refusing = yield* closedPort
      expect(yield* failure(ews.inbox(account(refusing)))).toMatchObject({
        _tag: "EwsUnreachable",
        reason: expect.stringContaining("the connection was refused"),
        sent: false
      })
    })
  )

  withServer("does not call a half-sent answer an answer", (server, ews) =>
    Effect.gen(function* () {
      server.script((response) => {
        response.writeHead(200, { "content-length": "5000" })
        response.write("<s:Envelope", () => response.destroy())
      })
      expect(yield* failure(ews.inbox(account(server)))).toMatchObject({ _tag: "EwsUnreachable", sent: true })
    })
  )

  withServer(
    "keeps to its connections per host, and lets the rest wait",
    (server, ews) =>
      Effect.gen(function* () {
        const releases: Array<() => void> = []
        server.script((response, request) => releases.push(() => inbox(response, request)))
        const calls = yield* Effect.fork(
          Effect.all(
            Array.from({ length: 9 }, () => ews.inbox(account(server))),
            { concurrency: "unbounded" }
          )
        )
        yield* server.received(3)
        for (let served = 0; served < 9; served++) {
          yield* server.received(Math.min(9, served + 3))
          releases.shift()?.()
        }
        expect((yield* Fiber.join(calls)).length).toBe(9)
        expect([server.concurrent(), server.connections()]).toEqual([3, 3])
      }),
    { connectionsPerHost: 3 }
  )

  withServer(
    "is busy when too many calls wait, and when no connection becomes free in time",
    (server, ews) =>
      Effect.gen(function* () {
        server.script(hold)
        const first = yield* Effect.fork(ews.inbox(account(server)))
        yield* server.received(1)
        const second = yield* Effect.fork(failure(ews.inbox(account(server, { timeout: 100 }))))
        yield* Effect.yieldNow()
        expect(yield* failure(ews.inbox(account(server)))).toMatchObject({
          _tag: "EwsBusy",
          responseCode: "too many calls wait for this host"
        })
        expect(yield* Fiber.join(second)).toMatchObject({
          _tag: "EwsBusy",
          responseCode: "no connection became free"
        })
        yield* Fiber.interrupt(first)
        expect(server.requests.length).toBe(1)
      }),
    { connectionsPerHost: 1, waitingPerHost: 1 }
  )

  let mayGoOut = true
  withServer(
    "is not made when it may not go out any more once it has its place",
    (server, ews) =>
      Effect.gen(function* () {
        const releases: Array<() => void> = []
        server.script((response, request) => releases.push(() => inbox(response, request)))
        const first = yield* Effect.fork(ews.inbox(account(server)))
        yield* server.received(1)
        const second = yield* Effect.fork(failure(ews.inbox(account(server))))
        yield* Effect.yieldNow()
        mayGoOut = false
        releases.shift()?.()
        yield* Fiber.join(first)
        expect(yield* Fiber.join(second)).toMatchObject({ _tag: "EwsBusy", operation: "GetFolder" })
        expect(server.requests.length).toBe(1)
      }),
    { connectionsPerHost: 1, maySend: (operation) => operation !== "GetFolder" || mayGoOut }
  )

  withServer(
    "frees the place of an interrupted call and hangs up",
    (server, ews) =>
      Effect.gen(function* () {
        server.script(hold, inbox)
        const held = yield* Effect.fork(ews.inbox(account(server)))
        yield* server.received(1)
        const next = yield* Effect.fork(ews.inbox(account(server)))
        yield* Fiber.interrupt(held)
        expect((yield* Fiber.join(next)).unreadCount).toBe(3)
        yield* server.hungUp(1)
      }),
    { connectionsPerHost: 1 }
  )

  withServer(
    "forgets an unused host to make room for another, but none with a call",
    (server, ews) =>
      Effect.gen(function* () {
        const other = yield* scriptedServer
        for (const one of [server, other, server]) {
          one.script(inbox)
          yield* ews.inbox(account(one))
        }
        expect(server.connections()).toBe(2)
        server.script(hold)
        const held = yield* Effect.fork(ews.inbox(account(server)))
        yield* server.received(3)
        expect(yield* failure(ews.inbox(account(other)))).toMatchObject({
          _tag: "EwsBusy",
          responseCode: "too many hosts"
        })
        yield* Fiber.interrupt(held)
      }).pipe(Effect.scoped),
    { hosts: 1 }
  )

  withServer(
    "closes the connections of a host that is not used any more, and all with its scope",
    (server, _) =>
      Effect.gen(function* () {
        server.script(inbox)
        yield* Effect.gen(function* () {
          const ews = yield* EwsCaller
          yield* ews.inbox(account(server))
          yield* server.hungUp(1)
          yield* ews.inbox(account(server))
        }).pipe(Effect.provide(layerWith({ idleAfter: 20 })))
        yield* server.hungUp(2)
      })
  )

  withServer("opens no connection that the endpoint's rule forbids", (server, ews) =>
    Effect.gen(function* () {
      const port = new URL(server.origin).port
      const refused = ["http://127.0.0.1/", `https://127.0.0.1:${port}/`, "ftp://127.0.0.1/", "nonsense"]
      for (const url of refused) {
        expect(
          yield* failure(ews.inbox(account(server, { endpoint: { url, listed: false } })))
        ).toMatchObject({
          _tag: "EwsRefused",
          responseCode: "endpoint not allowed"
        })
      }
      const unreachable = [
        { url: "https://127.0.0.1/", listed: false },
        { url: "https://[::ffff:127.0.0.1]/", listed: false },
        { url: "http://169.254.169.254/", listed: true },
        { url: "https://[fe80::1]/", listed: true }
      ]
      for (const endpoint of unreachable) {
        expect(yield* failure(ews.inbox(account(server, { endpoint })))).toMatchObject({
          _tag: "EwsUnreachable",
          sent: false,
          reason: expect.stringContaining("may not be used")
        })
      }
      expect(server.connections()).toBe(0)
    })
  )

  const resolving = (...answers: ReadonlyArray<ReadonlyArray<string>>) => {
    let asked = 0
    const lookup: NonNullable<EwsClientOptions["lookup"]> = (_, options, callback) => {
      const found = answers[Math.min(asked++, answers.length - 1)]!.map((address) => ({
        address,
        family: address.includes(":") ? 6 : 4
      }))
      process.nextTick(() =>
        options.all ? callback(null, found) : callback(null, found[0]!.address, found[0]!.family)
      )
    }
    return lookup
  }

  const named = (server: ScriptedServer, listed = true) =>
    account(server, {
      endpoint: { url: `http://exchange.test:${new URL(server.origin).port}${PATH}`, listed }
    })

  withServer(
    "connects to the allowed ones of a name's addresses",
    (server, ews) =>
      Effect.gen(function* () {
        server.script(inbox)
        expect((yield* ews.inbox(named(server))).unreadCount).toBe(3)
        expect(server.requests[0]?.headers.host).toBe(new URL(named(server).endpoint.url).host)
      }),
    { lookup: resolving(["169.254.169.254", "127.0.0.1"]) }
  )

  withServer(
    "checks the address again at each connection, so that a name cannot turn to another place",
    (server, ews) =>
      Effect.gen(function* () {
        server.script(cut)
        expect(yield* failure(ews.inbox(named(server)))).toMatchObject({ _tag: "EwsUnreachable", sent: true })
        expect(yield* failure(ews.inbox(named(server)))).toMatchObject({
          _tag: "EwsUnreachable",
          sent: false,
          reason: expect.stringContaining("may not be used")
        })
        expect(server.connections()).toBe(1)
      }),
    { lookup: resolving(["127.0.0.1"], ["10.0.0.1"]) }
  )

  withServer("tells no secret in its errors", (server, ews) =>
    Effect.gen(function* () {
      server.script(cut, say(401), say(500, "pässword"), say(200, "ada@example.com"))
      for (let call = 0; call < 4; call++) {
        const error = Either.getOrThrow(Either.flip(yield* Effect.either(ews.inbox(account(server)))))
        const told = `${error} ${error.message} ${JSON.stringify(error)} ${error.stack}`
        for (const secret of ["pässword", "ada@example.com", "Basic "]) expect(told).not.toContain(secret)
      }
    })
  )
})

/** A port on which nobody listens. */
const closedPort = Effect.async<{ readonly origin: string }>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed({ origin: `http://127.0.0.1:${port}` })))
  })
})
