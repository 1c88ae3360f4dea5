import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Redacted } from "effect"
import type { ConnectorOptions } from "../../../layers/net/Connector.ts"
import type { EgressProxy } from "../../../layers/net/EgressProxy.ts"
import { makeHostList } from "../../../layers/net/HostList.ts"
import { negotiate } from "../../../layers/net/Ntlm.ts"
import * as NtlmServer from "../../../layers/net/NtlmServer.ts"
import { BODY_MAX, HEAD_MAX } from "../../../layers/net/ProxyReply.ts"
import { wrapAuthenticate as wrapToken } from "../../../layers/net/Spnego.ts"
import { connectorClient } from "../../support/ConnectorClient.ts"
import {
  type Asked,
  answer,
  answerAndClose,
  type ProxyStep,
  scriptedProxy,
  tunnel,
  wait
} from "../../support/ScriptedProxy.ts"
import { say, scriptedTlsServer } from "../../support/ScriptedServer.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"

const certificate = TestCertificate.make("127.0.0.1")
const PASSWORD = "Pr0xyP@ss"

/** A TLS server behind a scripted proxy, and a client that goes through it. */
const through = (
  step: (asked: Asked, count: number, target: number) => ProxyStep,
  options: Partial<ConnectorOptions> = {},
  logIn: EgressProxy["logIn"] | "none" = Redacted.make({ user: "CONTOSO\\püser", password: PASSWORD })
) =>
  Effect.gen(function* () {
    const server = yield* scriptedTlsServer(certificate)
    server.script(say(200, "reached"))
    const target = Number(new URL(server.origin).port)
    const proxy = yield* scriptedProxy((asked, count) => step(asked, count, target))
    const client = yield* connectorClient(server.origin, {
      ca: certificate.cert,
      proxy: {
        host: "127.0.0.1",
        port: proxy.port,
        logIn: logIn === "none" ? undefined : logIn,
        bypass: makeHostList([])
      },
      ...options
    })
    return { client, proxy, server, target }
  })

const challenge = (offers: ReadonlyArray<string>, rest = "Content-Length: 0\r\n\r\n") =>
  `HTTP/1.1 407 Log in\r\n${offers.map((offer) => `Proxy-Authenticate: ${offer}\r\n`).join("")}${rest}`

const SERVER_CHALLENGE = NtlmServer.challenge({
  serverChallenge: Buffer.alloc(8, 3),
  netbiosDomain: "CONTOSO",
  netbiosComputer: "PROXY",
  now: 0
})

const tokenIn = ({ authorization = "" }: Asked) => Buffer.from(authorization.split(" ")[1] ?? "", "base64")

const checks = (asked: Asked) =>
  NtlmServer.verify(tokenIn(asked), {
    negotiate: negotiate(),
    challenge: SERVER_CHALLENGE,
    passwordOf: (user, domain) => (user === "püser" && domain === "CONTOSO" ? PASSWORD : undefined)
  })

/** First answers with `first`, then speaks NTLM. */
const ntlm =
  (first: ProxyStep) =>
  (asked: Asked, count: number, target: number): ProxyStep => {
    if (count === 1) return first
    if (NtlmServer.isNegotiate(tokenIn(asked))) {
      return answer(challenge([`NTLM ${SERVER_CHALLENGE.toString("base64")}`]))
    }
    return Either.isRight(checks(asked)) ? tunnel(target) : answer(challenge(["NTLM"]))
  }

describe("a tunnel through a proxy", () => {
  it.scopedLive("asks without a log-in first, and uses it where one is wanted", () =>
    Effect.gen(function* () {
      const { client, proxy, target } = yield* through((_, count, port) =>
        count === 1 ? answer(challenge(["Basic realm=x"])) : tunnel(port)
      )
      expect((yield* client.post("/")).body).toBe("reached")
      const line = `CONNECT 127.0.0.1:${target} HTTP/1.1`
      const basic = `Basic ${Buffer.from(`CONTOSO\\püser:${PASSWORD}`).toString("base64")}`
      expect(proxy.asked).toEqual([
        { line, authorization: undefined, connection: 1 },
        { line, authorization: basic, connection: 1 }
      ])
    })
  )

  it.scopedLive.each<readonly [string, ProxyStep, number]>([
    ["keeps the connection", answer(challenge(["NTLM", "Basic realm=x"])), 1],
    [
      "sends a page in chunks",
      answer(challenge(["NTLM"], "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")),
      1
    ],
    ["says that it closes", answer(challenge(["NTLM"], "Connection: close\r\nContent-Length: 0\r\n\r\n")), 2],
    ["sends a page up to the end", answerAndClose(challenge(["NTLM"], "\r\nsorry")), 2],
    ["closes without a word", answerAndClose(challenge(["NTLM"])), 2],
    [
      "sends a page too long to read",
      answer(challenge(["NTLM"], `Content-Length: ${10 * BODY_MAX}\r\n\r\n${"x".repeat(2 * BODY_MAX)}`)),
      2
    ]
  ])("logs in by NTLM over one connection where the proxy %s", ([, first, connection]) =>
    Effect.gen(function* () {
      const { client, proxy } = yield* through(ntlm(first))
      expect((yield* client.post("/")).body).toBe("reached")
      expect(proxy.asked.slice(-2).map((asked) => asked.connection)).toEqual([connection, connection])
    })
  )

  it.scopedLive("wraps NTLM into SPNEGO where only Negotiate is on offer", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* through((_, count, port) => {
        if (count === 1) return answer(challenge(["Negotiate"]))
        if (count === 2) {
          return answer(challenge([`Negotiate ${wrapToken(SERVER_CHALLENGE).toString("base64")}`]))
        }
        return tunnel(port)
      })
      expect((yield* client.post("/")).body).toBe("reached")
      expect(proxy.asked.map(({ authorization }) => authorization?.slice(0, 11))).toEqual([
        undefined,
        "Negotiate Y",
        "Negotiate o"
      ])
    })
  )

  it.scopedLive.each<readonly [string, (asked: Asked, count: number) => ProxyStep, string, string]>([
    [
      "a 403",
      () => answer("HTTP/1.1 403 No\r\n\r\n"),
      "ENS_PROXY_REFUSED",
      "the proxy does not allow this host (403)"
    ],
    [
      "a 405",
      () => answer("HTTP/1.1 405 No\r\n\r\n"),
      "ENS_PROXY_REFUSED",
      "the proxy refuses the connection (405)"
    ],
    [
      "a redirect",
      () => answer("HTTP/1.1 302 To\r\n\r\n"),
      "ENS_PROXY_REFUSED",
      "the proxy refuses the connection (302)"
    ],
    ...[502, 503, 504].map(
      (status) =>
        [
          `a ${status}`,
          () => answer(`HTTP/1.1 ${status} No\r\n\r\n`),
          "ENS_PROXY_UNREACHABLE",
          `the proxy cannot reach the host (${status})`
        ] as const
    ),
    [
      "an unknown log-in",
      () => answer(challenge(["Digest realm=x"])),
      "ENS_PROXY_LOGIN",
      "the proxy offers neither NTLM nor Basic for logging in (407)"
    ],
    [
      "a refusal",
      () => answer(challenge(["Basic"])),
      "ENS_PROXY_LOGIN",
      "the proxy refused the log-in (407)"
    ],
    [
      "a refusal of NTLM",
      () => answer(challenge(["NTLM"])),
      "ENS_PROXY_LOGIN",
      "the proxy refused the log-in (407)"
    ],
    [
      "rubbish as challenge",
      () => answer(challenge(["NTLM TlRMTVNTUAA="])),
      "ENS_PROXY_LOGIN",
      "the proxy's log-in cannot be answered: no NTLM challenge"
    ],
    [
      "a challenge, and closes",
      () =>
        answerAndClose(
          challenge(
            [`NTLM ${SERVER_CHALLENGE.toString("base64")}`],
            "Connection: close\r\nContent-Length: 0\r\n\r\n"
          )
        ),
      "ENS_PROXY_LOGIN",
      "the proxy closes the connection in the middle of an NTLM log-in"
    ],
    ["nothing, and closes", () => answerAndClose(""), "ENS_PROXY_DOWN", "the proxy closed the connection"],
    [
      "another protocol",
      () => answer("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
      "ENS_PROXY_DOWN",
      "what answers at the proxy's address is no proxy"
    ],
    [
      "a head without end",
      () => answer(`HTTP/1.1 200 OK\r\n${"x".repeat(2 * HEAD_MAX)}`),
      "ENS_PROXY_DOWN",
      "what answers at the proxy's address is no proxy"
    ],
    [
      "a word from beyond before it was asked",
      () => answer("HTTP/1.1 200 OK\r\n\r\nhello"),
      "ENS_PROXY_DOWN",
      "what answers at the proxy's address is no proxy"
    ]
  ])("says what %s means, and hangs up", ([, step, code, message]) =>
    Effect.gen(function* () {
      const { client, proxy, server } = yield* through(step)
      expect(yield* Effect.flip(client.post("/"))).toMatchObject({ code, message })
      expect(proxy.asked.length).toBeLessThanOrEqual(3)
      expect(server.connections()).toBe(0)
      yield* proxy.idle
    })
  )

  it.scopedLive("wants a log-in in the settings where the proxy does", () =>
    Effect.gen(function* () {
      const { client } = yield* through(() => answer(challenge(["Basic"])), {}, "none")
      expect(yield* Effect.flip(client.post("/"))).toMatchObject({
        code: "ENS_PROXY_LOGIN",
        message: "the proxy wants a log-in (407), and the settings have none"
      })
    })
  )

  it.scopedLive("says that the proxy is not there", () =>
    Effect.gen(function* () {
      const { client } = yield* through(() => wait, {
        proxy: { host: "127.0.0.1", port: 1, logIn: undefined, bypass: makeHostList([]) }
      })
      expect(yield* Effect.flip(client.post("/"))).toMatchObject({
        code: "ENS_PROXY_DOWN",
        message: "the proxy cannot be reached (ECONNREFUSED)"
      })
    })
  )

  it.scopedLive("waits for a silent proxy no longer than for a connection, and hangs up", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* through(() => wait, { connectTimeout: 100 })
      expect(yield* Effect.flip(client.post("/"))).toMatchObject({ code: "UND_ERR_CONNECT_TIMEOUT" })
      yield* proxy.idle
    })
  )

  it.scopedLive("hangs up at once when it is not wanted any more", () =>
    Effect.gen(function* () {
      const stop = new AbortController()
      const { client, proxy } = yield* through(
        () => {
          stop.abort()
          return wait
        },
        { signal: stop.signal }
      )
      expect(yield* Effect.flip(client.post("/"))).toMatchObject({ code: "ENS_CONNECT_ABORTED" })
      yield* proxy.idle
    })
  )
})
