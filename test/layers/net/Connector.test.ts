import { X509Certificate } from "node:crypto"
import { EventEmitter, once } from "node:events"
import { createServer, type LookupFunction, type Server, type Socket } from "node:net"
import { createServer as createTlsServer } from "node:tls"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ConnectRule } from "../../../layers/net/ConnectAddress.ts"
import { connectReason } from "../../../layers/net/ConnectError.ts"
import { type ConnectorOptions, makeConnector } from "../../../layers/net/Connector.ts"
import { makeHostList } from "../../../layers/net/HostList.ts"
import { fingerprintsOf } from "../../../layers/net/Pins.ts"
import { connectorClient } from "../../support/ConnectorClient.ts"
import { answer, scriptedProxy } from "../../support/ScriptedProxy.ts"
import { say, scriptedServer, scriptedTlsServer } from "../../support/ScriptedServer.ts"
import * as TestCertificate from "../../support/TestCertificate.ts"

const certificate = TestCertificate.make("127.0.0.1")
const PIN = fingerprintsOf(new X509Certificate(certificate.cert)).certificate

/** A resolver that gives these addresses, one list after the other. */
const resolver = (...answers: ReadonlyArray<ReadonlyArray<string>>) => {
  const asked: Array<string> = []
  const lookup: LookupFunction = (hostname, _, callback) => {
    const addresses = answers[Math.min(asked.length, answers.length - 1)] ?? []
    asked.push(hostname)
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
    )
  }
  return { asked, lookup }
}

/** Starts a server on loopback; `hungUp` waits until so many connections have come and gone. */
const listening = (server: Server) =>
  Effect.gen(function* () {
    let gone = 0
    const notice = new EventEmitter()
    server.on("connection", (socket: Socket) =>
      socket
        .on("error", () => {})
        .on("close", () => notice.emit("gone", ++gone))
        .resume()
    )
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () => Effect.sync(() => server.close())
    )
    const hungUp = (count: number) =>
      Effect.promise(async () => {
        while (gone < count) await once(notice, "gone")
      })
    const address = server.address()
    return { port: typeof address === "object" && address !== null ? address.port : 0, hungUp }
  })

/** The error's code that connecting ends with, or "connected". */
const outcome = (url: string, rule: Partial<ConnectRule>, options: Partial<ConnectorOptions> = {}) =>
  Effect.async<string>((resume) => {
    const { hostname, port, protocol } = new URL(url)
    const connect = makeConnector(
      { listed: true, secure: protocol === "https:", pins: [], ...rule },
      { connectTimeout: 2_000, ...options }
    )
    connect({ hostname, port, protocol }, (error, socket) => {
      socket?.destroy()
      resume(Effect.succeed(error === null ? "connected" : String("code" in error ? error.code : error)))
    })
  })

describe("Connector", () => {
  it.live.each([
    ["https://169.254.169.254/", true],
    ["https://[fe80::1]/", true],
    ["https://10.0.0.1/", false],
    ["https://127.0.0.1/", false],
    ["https://[::1]/", false],
    ["https://2130706433/", false],
    ["https://0x7f.1/", false],
    ["http://10.0.0.1/", true],
    ["http://8.8.8.8/", true]
  ] as const)("refuses %s (listed: %s)", ([url, listed]) =>
    Effect.gen(function* () {
      expect(yield* outcome(url, { listed })).toBe("ENS_ADDRESS_NOT_ALLOWED")
    })
  )

  it.scopedLive("goes to the address that it has checked, whatever the name resolves to later", () =>
    Effect.gen(function* () {
      const server = yield* scriptedServer
      const port = new URL(server.origin).port
      const { asked, lookup } = resolver(["10.0.0.1", "127.0.0.1"], ["10.0.0.1"])
      const url = `http://mail.test:${port}/`
      expect(yield* outcome(url, {}, { lookup })).toBe("connected")
      expect(asked).toEqual(["mail.test"])
      expect(yield* outcome(url, {}, { lookup })).toBe("ENS_ADDRESS_NOT_ALLOWED")
    })
  )

  describe("with a proxy", () => {
    /** What a proxy that refuses everything is asked for. */
    const asked = (url: string, rule: Partial<ConnectRule>, lookup?: LookupFunction) =>
      Effect.gen(function* () {
        const proxy = yield* scriptedProxy(() => answer("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"))
        const result = yield* outcome(url, rule, {
          proxy: {
            host: "127.0.0.1",
            port: proxy.port,
            logIn: undefined,
            bypass: makeHostList(["127.0.0.1"])
          },
          ...(lookup === undefined ? {} : { lookup })
        })
        return { result, lines: proxy.asked.map(({ line }) => line) }
      })
    const REFUSED = "ENS_PROXY_REFUSED"

    it.scopedLive("names a listed host to it, and asks no resolver", () =>
      Effect.gen(function* () {
        const { asked: names, lookup } = resolver(["10.0.0.1"])
        expect(yield* asked("https://mail.test/", {}, lookup)).toEqual({
          result: REFUSED,
          lines: ["CONNECT mail.test:443 HTTP/1.1"]
        })
        expect(names).toEqual([])
      })
    )

    it.scopedLive("gives it the checked address of an unlisted one, IPv4 before IPv6", () =>
      Effect.gen(function* () {
        const both = resolver(["10.0.0.1", "2603:1026::1", "52.96.0.1"])
        const six = resolver(["2603:1026::1", "::1"])
        expect((yield* asked("https://mail.test/", { listed: false }, both.lookup)).lines).toEqual([
          "CONNECT 52.96.0.1:443 HTTP/1.1"
        ])
        expect((yield* asked("https://mail.test/", { listed: false }, six.lookup)).lines).toEqual([
          "CONNECT [2603:1026::1]:443 HTTP/1.1"
        ])
      })
    )

    it.scopedLive("does not tell it of what may not be connected to", () =>
      Effect.gen(function* () {
        const { lookup } = resolver(["10.0.0.1", "127.0.0.1"])
        const refused = { result: "ENS_ADDRESS_NOT_ALLOWED", lines: [] }
        expect(yield* asked("https://mail.test/", { listed: false }, lookup)).toEqual(refused)
        expect(yield* asked("https://10.0.0.1/", { listed: false })).toEqual(refused)
        expect(yield* asked("https://169.254.169.254/", {})).toEqual(refused)
      })
    )

    it.scopedLive("puts IPv6 addresses in brackets", () =>
      Effect.gen(function* () {
        expect((yield* asked("https://[fd00::1]:8443/", {})).lines).toEqual([
          "CONNECT [fd00::1]:8443 HTTP/1.1"
        ])
      })
    )

    it.scopedLive("goes past it to the hosts that it names, and in clear to this machine", () =>
      Effect.gen(function* () {
        const server = yield* scriptedServer
        const url = server.origin.replace("127.0.0.1", "localhost")
        expect(yield* asked(url, {})).toEqual({ result: "connected", lines: [] })
        expect(yield* asked("https://127.0.0.1:1", {})).toEqual({ result: "ECONNREFUSED", lines: [] })
      })
    )
  })

  describe("with TLS", () => {
    it.scopedLive("checks the name that was asked for", () =>
      Effect.gen(function* () {
        const server = yield* scriptedTlsServer(certificate)
        const other = server.origin.replace("127.0.0.1", "localhost")
        const ca = certificate.cert
        expect(yield* outcome(server.origin, {}, { ca })).toBe("connected")
        expect(yield* outcome(other, {}, { ca })).toBe("ERR_TLS_CERT_ALTNAME_INVALID")
        expect(yield* outcome(server.origin, {})).toBe("DEPTH_ZERO_SELF_SIGNED_CERT")
      })
    )

    it.scopedLive("hangs up where it does not trust", () =>
      Effect.gen(function* () {
        let requests = 0
        const server = createTlsServer(certificate, (socket) => socket.on("data", () => requests++))
        const { hungUp, port } = yield* listening(server)
        const url = `https://127.0.0.1:${port}`
        expect(yield* outcome(url, {})).toBe("DEPTH_ZERO_SELF_SIGNED_CERT")
        expect(yield* outcome(url, { pins: ["00"] }, { ca: certificate.cert })).toBe("ENS_PIN_MISMATCH")
        yield* hungUp(2)
        expect(requests).toBe(0)
      })
    )

    it.scopedLive("speaks old versions only where that is allowed", () =>
      Effect.gen(function* () {
        const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const
        const server = yield* scriptedTlsServer({ ...certificate, ...old })
        server.script(say(200, "old"))
        const ca = certificate.cert
        const strict = yield* connectorClient(server.origin, { ca })
        expect(connectReason(yield* Effect.flip(strict.post("/")))).toMatch(/version of TLS/)
        const lenient = yield* connectorClient(server.origin, { ca }, { minVersion: "1.0" })
        expect((yield* lenient.post("/")).body).toBe("old")
      })
    )

    it.scopedLive("waits for a silent server no longer than for a connection", () =>
      Effect.gen(function* () {
        const { hungUp, port } = yield* listening(createServer())
        const result = yield* outcome(`https://127.0.0.1:${port}`, {}, { connectTimeout: 100 })
        expect(result).toBe("UND_ERR_CONNECT_TIMEOUT")
        yield* hungUp(1)
      })
    )

    it.scopedLive("lets the certificate be asked for again and again", () =>
      Effect.gen(function* () {
        const server = yield* scriptedTlsServer(certificate)
        const client = yield* connectorClient(server.origin, { ca: certificate.cert }, { pins: [PIN] })
        yield* client.post("/")
        expect(fingerprintsOf(client.certificate()).certificate).toBe(PIN)
      })
    )

    it.live("has no pins without a certificate", () =>
      Effect.gen(function* () {
        expect(yield* outcome("http://127.0.0.1:1/", { pins: ["00"] })).toBe("ENS_PIN_MISMATCH")
      })
    )
  })
})
