import { execFile } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import type { IncomingMessage } from "node:http"
import { Agent, createServer, type RequestOptions, request } from "node:https"
import type { AddressInfo } from "node:net"
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, TestClock } from "effect"
import * as Prometheus from "../../../layers/telemetry/Prometheus.ts"
import type { ClientAuth, SettingsShape, TlsSettings } from "../../../schemas/Settings.ts"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import { TlsProblem } from "../../../src/http/TlsProblem.ts"
import { renewTicketKeys } from "../../../src/http/TlsTickets.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { TlsFiles } from "../../support/TlsFiles.ts"
import { heartbeat } from "./Bodies.ts"
import { ListenerFixture } from "./ListenerFixture.ts"

if (TlsFiles.missing) console.warn(`SKIPPED: TLS of the public listener is not tested: ${TlsFiles.missing}`)

const RSA = ["-newkey", "rsa:2048"]
const files = Effect.map(temporaryDirectory, (directory) => new TlsFiles(directory))

const serve = (tls: TlsSettings, overrides: Partial<SettingsShape> = {}) =>
  Effect.gen(function* () {
    const fixture = new ListenerFixture()
    const lines: Array<LogRecorder.LogLine> = []
    const services = yield* fixture
      .listen({ tls, publicUrl: "https://localhost/api/ens", ...overrides })
      .pipe(Effect.provide(LogRecorder.layer(lines)))
    return { fixture, lines, port: Context.get(services, PublicListener).port }
  })

/** What openssl's own client says to the listener, and what it sees of it. */
const openssl = (port: number, input: string, ...args: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.async((resume) => {
    const child = execFile(
      "openssl",
      ["s_client", "-connect", `127.0.0.1:${port}`, ...args],
      { timeout: 10_000 },
      (_error, out, err) => resume(Effect.succeed(out + err))
    )
    // openssl may be gone before it has read.
    child.stdin?.on("error", () => {})
    child.stdin?.end(input)
  })

/** The suite that was agreed on; undefined: none. */
const agreed = (port: number, ...args: ReadonlyArray<string>) =>
  Effect.map(openssl(port, "", ...args), (text) => {
    const suite = /(?:New, [^,]+, Cipher is|^ *Cipher *:) (\S+)/m.exec(text)?.[1]
    return suite === "(NONE)" || suite === "0000" ? undefined : suite
  })

/** Suites of TLS 1.2 that Exchange and phones may offer, with what becomes of each. */
const OFFERS: ReadonlyArray<readonly [suite: string, isTaken: boolean]> = [
  ["ECDHE-RSA-AES256-GCM-SHA384", true],
  ["ECDHE-RSA-AES128-GCM-SHA256", true],
  // All that Windows Server 2012 has for an RSA certificate.
  ["ECDHE-RSA-AES256-SHA384", true],
  ["ECDHE-RSA-AES128-SHA256", true],
  ["ECDHE-RSA-AES256-SHA", true],
  ["ECDHE-RSA-AES128-SHA", true],
  // No key of its own for each connection.
  ["AES256-GCM-SHA384", false],
  ["AES128-SHA", false],
  // Not recommended by ENS2.
  ["DHE-RSA-AES256-GCM-SHA384", false],
  ["ECDHE-RSA-CAMELLIA256-SHA384", false],
  ["PSK-AES128-GCM-SHA256", false]
]

describe.skipIf(TlsFiles.missing)("the public listener over TLS", () => {
  it.scopedLive("takes the suites that ENS2 recommends and no other, the best of them first", () =>
    Effect.gen(function* () {
      const { port } = yield* serve((yield* files).make("rsa", RSA))
      const taken = yield* Effect.forEach(
        OFFERS,
        ([suite]) => agreed(port, "-tls1_2", "-cipher", `${suite}:@SECLEVEL=0`),
        { concurrency: 4 }
      )
      expect(taken).toEqual(OFFERS.map(([suite, isTaken]) => (isTaken ? suite : undefined)))
      const worstFirst = "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
      expect(yield* agreed(port, "-tls1_2", "-cipher", worstFirst)).toBe("ECDHE-RSA-AES256-GCM-SHA384")
      expect(yield* agreed(port, "-tls1_3")).toBe("TLS_AES_256_GCM_SHA384")
      expect(yield* agreed(port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")).toBeUndefined()
    })
  )

  it.scopedLive("lets nobody begin anew within a connection, and compresses nothing", () =>
    Effect.gen(function* () {
      const { port } = yield* serve((yield* files).make("own"))
      // "R" on a line of its own is openssl's order to renegotiate.
      const text = yield* openssl(port, "R\nGET / HTTP/1.0\r\n\r\n", "-tls1_2", "-comp")
      expect(text).toMatch(/no renegotiation/)
      expect(text).toMatch(/Compression: NONE/)
    })
  )

  it.scopedLive("tells browsers and apps to come over TLS only, also when a proxy speaks it for us", () =>
    Effect.gen(function* () {
      const made = (yield* files).make("own")
      const { port } = yield* serve(made)
      for (const path of ["/api/ens/alive", "/", "/nothing/here"])
        expect((yield* get(port, path, made.certFile)).hsts, path).toBe("max-age=31536000")
      const plain = yield* serve(made, {
        publicUrl: "http://localhost/api/ens",
        tls: { ...made, certFile: undefined, keyFile: undefined }
      })
      expect(yield* plainHsts(plain.port)).toBeNull()
      const behind = yield* serve(made, { tls: { ...made, certFile: undefined, keyFile: undefined } })
      expect(yield* plainHsts(behind.port)).toBe("max-age=31536000")
    })
  )

  it.scoped("forgets each hour what could open older conversations", () =>
    Effect.gen(function* () {
      const { certFile, keyFile } = (yield* files).make("own")
      const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) })
      yield* renewTicketKeys(server)
      yield* Effect.acquireRelease(
        Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
        () => Effect.sync(() => server.close())
      )
      const { port } = server.address() as AddressInfo
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const session = yield* Effect.promise(() => sessionOf(port, { maxVersion }))
        expect(yield* isResumed(port, { maxVersion, session })).toBe(true)
        yield* TestClock.adjust("1 hour")
        expect(yield* isResumed(port, { maxVersion, session })).toBe(false)
      }
    })
  )
})

describe.skipIf(TlsFiles.missing)("client certificates", () => {
  it.scopedLive("that are demanded of callbacks are not of phones", () =>
    Effect.gen(function* () {
      const { ask, fixture } = yield* demanding("callbacks")
      expect(yield* ask(fixture.url(), "none")).toBe(403)
      expect(yield* ask(fixture.url(), "strange")).toBe(403)
      expect(yield* ask(fixture.url(), "known")).toBe(200)
      expect(yield* ask("/api/ens//pushNotificationListener/", "none")).toBe(403)
      expect(yield* ask("/api/ens/getpublickey", "none")).not.toBe(403)
      expect(fixture.posts).toBe(1)
    })
  )

  it.scopedLive("that are demanded of phones are not of callbacks, nor of who asks for health", () =>
    Effect.gen(function* () {
      const { ask, fixture } = yield* demanding("devices")
      expect(yield* ask(fixture.url(), "none")).toBe(200)
      for (const path of ["/api/ens/registerDevice", "/", "/api/ens/alive/../registerdevice", "/healthz/x"])
        expect(yield* ask(path, "none"), path).toBe(403)
      expect(yield* ask("/api/ens/registerdevice", "strange")).toBe(403)
      expect(yield* ask("/api/ens/registerdevice", "known")).not.toBe(403)
      for (const path of ["/api/ens/alive", "/healthz", "/readyz?x=1"])
        expect(yield* ask(path, "none"), path).not.toBe(403)
      expect(yield* Prometheus.scrape).toMatch(
        /^ens_client_certificate_refused_total\{kind="devices"\} [1-9]/m
      )
    })
  )

  it.scopedLive("that are demanded of all end the handshake of those who have none", () =>
    Effect.gen(function* () {
      const { ask, fixture } = yield* demanding("all")
      expect(yield* Effect.flip(ask("/api/ens/alive", "none"))).toBeInstanceOf(Error)
      expect(yield* Effect.flip(ask(fixture.url(), "strange"))).toBeInstanceOf(Error)
      expect(yield* ask(fixture.url(), "known")).toBe(200)
      expect(fixture.posts).toBe(1)
    })
  )

  it.scoped("that end a handshake are counted, and the log tells why they do", () =>
    Effect.gen(function* () {
      const { ask, lines } = yield* demanding("all")
      const before = yield* failedHandshakes
      for (const client of ["none", "strange"] as const)
        expect(yield* Effect.flip(ask("/api/ens/alive", client))).toBeInstanceOf(Error)
      yield* TestClock.adjust("1 minute")
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 30)))
      expect((yield* failedHandshakes) - before).toBe(2)
      expect(lines.map(({ text }) => text).join()).toMatch(
        /2 TLS handshakes .*ENS_TLS_CLIENT_CA_FILE.*DEPTH_ZERO_SELF_SIGNED_CERT/
      )
    })
  )

  it.scoped("that are refused are told of with the reason and where they came from", () =>
    Effect.gen(function* () {
      const { ask, lines } = yield* demanding("devices")
      const told = () => lines.filter(({ level }) => level === "WARN").map(({ text }) => text)
      expect(yield* ask("/api/ens/registerdevice", "none")).toBe(403)
      yield* TestClock.adjust("1 minute")
      expect(told()[0]).toMatch(/^1 requests .*"reason":"it showed none".*"source":"127.0.0.1"/)
      expect(yield* ask("/api/ens/registerdevice", "strange")).toBe(403)
      yield* TestClock.adjust("1 minute")
      expect(told()[1]).toMatch(/^1 requests .*DEPTH_ZERO_SELF_SIGNED_CERT/)
    })
  )

  it.scopedLive("are looked at anew with each connection", () =>
    Effect.gen(function* () {
      const { port } = yield* demanding("devices")
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const session = yield* Effect.promise(() => sessionOf(port, { maxVersion }).catch(() => undefined))
        expect(yield* isResumed(port, { maxVersion, session })).toBe(false)
      }
    })
  )

  it.scoped("of a new authority are taken once its file is, those of the old one no longer", () =>
    Effect.gen(function* () {
      const { ask, caFile, some } = yield* demanding("callbacks")
      writeFileSync(caFile, readFileSync(some.path("strange.crt")))
      const isTaken = Effect.map(ask(CALLBACK, "strange"), (status) => status !== 403)
      yield* Effect.repeat(Effect.zipRight(look, isTaken), { until: (is) => is })
      expect(yield* ask(CALLBACK, "known")).toBe(403)
    })
  )

  for (const clientAuth of ["devices", "all"] as const) {
    it.scoped(`of an authority that was taken away open no kept connection either: ${clientAuth}`, () =>
      Effect.gen(function* () {
        const { ask, caFile, fixture, port, some } = yield* demanding(clientAuth)
        const agents = [1, 2].map(() => new Agent({ keepAlive: true, maxSockets: 1 }))
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            for (const agent of agents) agent.destroy()
          })
        )
        const [idle, busy] = agents as [Agent, Agent]
        for (const agent of agents) expect(yield* ask("/api/ens/alive", "known", { agent })).not.toBe(403)
        const mail = Buffer.from(heartbeat())
        // A request that is under way while the file changes.
        const known = some.path("known")
        const slow = request({
          ...{ port, host: "localhost", method: "POST", path: fixture.url(), agent: busy },
          ...{ ca: readFileSync(some.path("own.crt")), headers: { "content-length": `${mail.length}` } },
          ...{ cert: readFileSync(`${known}.crt`), key: readFileSync(`${known}.key`) }
        })
        const answered = new Promise<IncomingMessage>((resolve, reject) => {
          slow.once("response", resolve).once("error", reject)
        })
        slow.write(mail.subarray(0, 20))
        writeFileSync(caFile, readFileSync(some.path("strange.crt")))
        const isTaken = Effect.match(ask("/api/ens/getpublickey", "strange"), {
          onFailure: () => false,
          onSuccess: (status) => status !== 403
        })
        yield* Effect.repeat(Effect.zipRight(look, isTaken), { until: (is) => is })
        const gone = yield* Effect.either(ask("/api/ens/getpublickey", "known", { agent: idle }))
        expect(gone._tag === "Left" || gone.right === 403).toBe(true)
        slow.end(mail.subarray(20))
        const response = yield* Effect.promise(() => answered)
        response.resume()
        expect(response.statusCode).toBe(200)
        expect(response.headers.connection).toBe("close")
      })
    )
  }

  it.scopedLive("need a file with authorities that can be read", () =>
    Effect.gen(function* () {
      const some = yield* files
      const own = some.make("own")
      writeFileSync(some.path("empty.crt"), "")
      const problem = (clientCaFile: string) =>
        Effect.flip(serve({ ...own, clientAuth: "devices", clientCaFile })).pipe(
          Effect.filterOrFail((error) => error instanceof TlsProblem),
          Effect.map(({ message }) => message)
        )
      expect(yield* problem(some.path("none.crt"))).toMatch(/^ENS_TLS_CLIENT_CA_FILE: .* \(ENOENT\)/)
      expect(yield* problem(some.path("empty.crt"))).toMatch(/^ENS_TLS_CLIENT_CA_FILE: .* no certificate/)
    })
  )
})

const CALLBACK = "/api/ens/pushnotificationlistener"

/** The time of one look at the files passes, and they can be read. */
const look = Effect.zipRight(
  TestClock.adjust("10 seconds"),
  Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 30)))
)

const failedHandshakes = Effect.map(Prometheus.scrape, (text) =>
  Number(/^ens_tls_handshake_failures_total (\S+)/m.exec(text)?.[1] ?? 0)
)

/** A listener that trusts the authority `known`, and clients with its certificate, with that of another, with none. */
const demanding = (clientAuth: ClientAuth) =>
  Effect.gen(function* () {
    const some = yield* files
    const own = some.make("own")
    const caFile = some.path("authorities.crt")
    // Certificates that sign themselves are their own authority.
    const clients = { known: some.make("known"), strange: some.make("strange"), none: undefined }
    writeFileSync(caFile, readFileSync(clients.known.certFile))
    const served = yield* serve({ ...own, clientAuth, clientCaFile: caFile })
    served.fixture.autoReply = "Ok"
    const ask = (path: string, client: keyof typeof clients, options: RequestOptions = {}) => {
      const shown = clients[client]
      return Effect.tryPromise({
        try: () =>
          status(served.port, path, {
            ca: readFileSync(own.certFile),
            ...(shown ? { cert: readFileSync(shown.certFile), key: readFileSync(shown.keyFile) } : {}),
            ...options
          }),
        catch: (error) => error as Error
      })
    }
    return { ...served, ask, caFile, some }
  })

const status = (port: number, path: string, options: RequestOptions): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request(
      { port, host: "localhost", method: "POST", path, agent: false, ...options },
      (response) => {
        response.resume()
        response.once("end", () => resolve(response.statusCode ?? 0))
      }
    )
    sent.on("error", reject)
    sent.end(heartbeat())
  })

const get = (port: number, path: string, caFile: string): Effect.Effect<{ readonly hsts: unknown }> =>
  Effect.promise(
    () =>
      new Promise((resolve, reject) => {
        const ca = readFileSync(caFile)
        request({ port, host: "localhost", path, ca, agent: false }, (response) => {
          response.resume()
          resolve({ hsts: response.headers["strict-transport-security"] })
        })
          .on("error", reject)
          .end()
      })
  )

const plainHsts = (port: number) =>
  Effect.promise(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/ens/alive`)
    await response.arrayBuffer()
    return response.headers.get("strict-transport-security")
  })

/** A client that does not mind who answers: these tests are about who asks. */
const open = (port: number, options: ConnectionOptions): TLSSocket =>
  connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options })

const sessionOf = (port: number, options: ConnectionOptions): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const socket = open(port, options)
    const timer = setTimeout(() => reject(new Error("no session")), 500)
    socket.once("session", (session: Buffer) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(session)
    })
    socket.once("error", reject)
    socket.resume()
  })

const isResumed = (port: number, options: ConnectionOptions) =>
  Effect.promise(
    () =>
      new Promise<boolean>((resolve, reject) => {
        const socket = open(port, options)
        socket.once("secureConnect", () => {
          resolve(socket.isSessionReused())
          socket.destroy()
        })
        socket.once("error", reject)
      })
  )
