import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { request } from "node:https"
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Redacted, TestClock } from "effect"
import * as Prometheus from "../../../layers/telemetry/Prometheus.ts"
import type { TlsSettings } from "../../../schemas/Settings.ts"
import { PublicListener } from "../../../src/http/PublicListener.ts"
import { TlsProblem } from "../../../src/http/TlsProblem.ts"
import * as LogRecorder from "../../support/LogRecorder.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { noTls, TlsFiles } from "../../support/TlsFiles.ts"
import { heartbeat } from "./Bodies.ts"
import { ListenerFixture } from "./ListenerFixture.ts"

if (TlsFiles.missing) console.warn(`SKIPPED: the TLS listener is not tested: ${TlsFiles.missing}`)

const files = Effect.map(temporaryDirectory, (directory) => new TlsFiles(directory))

const PUBLIC = "https://localhost/api/ens"

/** A listener that speaks TLS, and what it logs. */
const serve = (tls: TlsSettings, publicUrl = PUBLIC) =>
  Effect.gen(function* () {
    const fixture = new ListenerFixture()
    const lines: Array<LogRecorder.LogLine> = []
    const services = yield* fixture.listen({ tls, publicUrl }).pipe(Effect.provide(LogRecorder.layer(lines)))
    return { fixture, lines, port: Context.get(services, PublicListener).port }
  })

/** The time of one look at the files passes, and they can be read. */
const pass = Effect.zipRight(
  TestClock.adjust("10 seconds"),
  Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 30)))
)

/** Lets time pass until the listener or its log is as it should be. */
const until = (check: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.zipRight(pass, check).pipe(Effect.repeat({ until: (isSo) => isSo }), Effect.asVoid)

const shake = (port: number, options: ConnectionOptions = {}): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options })
    socket.once("secureConnect", () => resolve(socket))
    socket.once("error", reject)
  })

/** What the listener gives a client for its next connection. */
const sessionWith = (port: number, options: ConnectionOptions): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options })
    socket.once("session", (session: Buffer) => {
      socket.destroy()
      resolve(session)
    })
    socket.once("error", reject)
    socket.resume()
  })

/** The common name in the certificate that the listener shows now. */
const shownBy = (port: number): Effect.Effect<string> =>
  Effect.promise(async () => {
    const socket = await shake(port)
    const { CN } = socket.getPeerCertificate().subject
    socket.destroy()
    return String(CN)
  })

const shows = (port: number, name: string) => Effect.map(shownBy(port), (shown) => shown === name)

const post = (port: number, path: string, ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const sent = request({ port, host: "localhost", method: "POST", path, ca, agent: false }, (response) => {
      let body = ""
      response.on("data", (chunk) => {
        body += chunk
      })
      response.on("end", () => resolve(body))
    })
    sent.on("error", reject)
    sent.end(heartbeat())
  })

/** The value in what Prometheus reads. */
const scraped = (line: RegExp) => Effect.map(Prometheus.scrape, (text) => Number(line.exec(text)?.[1] ?? 0))
const expirySeconds = scraped(/^ens_certificate_expiry_timestamp_seconds\{what="listener"\} (\S+)/m)
const failedHandshakes = scraped(/^ens_tls_handshake_failures_total (\S+)/m)

const problemOf = (tls: TlsSettings) =>
  Effect.flip(serve(tls)).pipe(Effect.filterOrFail((error) => error instanceof TlsProblem))

describe.skipIf(TlsFiles.missing)("the public listener with a certificate", () => {
  it.scopedLive("answers callbacks over TLS, and shows its certificate in the log and as a metric", () =>
    Effect.gen(function* () {
      const made = (yield* files).make("ens")
      const { fixture, lines, port } = yield* serve(made)
      const ca = readFileSync(made.certFile, "utf8")
      expect(yield* Effect.promise(() => post(port, fixture.url(), ca))).toContain("OK")
      const said = lines.find(({ text }) => text.startsWith("TLS certificate of the public listener"))
      expect(said?.text).toContain("CN=ens")
      expect(lines.filter(({ level }) => level !== "INFO")).toEqual([])
      const days = ((yield* expirySeconds) - Date.now() / 1000) / 86_400
      expect(Math.round(days)).toBe(90)
    })
  )

  it.scopedLive("takes a PKCS#12 file, of today and as old Windows wrote it", () =>
    Effect.gen(function* () {
      const some = yield* files
      const { certFile, keyFile } = some.make("pfx", ["-newkey", "rsa:2048"])
      for (const legacy of [[], ["-legacy"]]) {
        const pfxFile = some.path(`ens${legacy.length}.pfx`)
        some.openssl(
          ...["pkcs12", "-export", ...legacy, "-in", certFile, "-inkey", keyFile],
          ...["-out", pfxFile, "-passout", "pass:geheim"]
        )
        const { port } = yield* serve({ ...noTls, pfxFile, pfxPassword: Redacted.make("geheim") })
        expect(yield* shownBy(port)).toBe("pfx")
        const wrong = yield* problemOf({ ...noTls, pfxFile, pfxPassword: Redacted.make("falsch") })
        expect(wrong.message).toMatch(/^ENS_TLS_PFX_PASSWORD: it does not open .*ens\d\.pfx/)
        expect((yield* problemOf({ ...noTls, pfxFile })).message).toMatch(/^ENS_TLS_PFX_PASSWORD: .* wants/)
      }
    })
  )

  it.scopedLive("puts the certificate that belongs to the key in front, wherever it stands in the file", () =>
    Effect.gen(function* () {
      const some = yield* files
      const other = some.make("other")
      const own = some.make("own")
      const certFile = some.path("both.crt")
      writeFileSync(certFile, readFileSync(other.certFile, "utf8") + readFileSync(own.certFile, "utf8"))
      const { port } = yield* serve({ ...own, certFile })
      expect(yield* shownBy(port)).toBe("own")
    })
  )

  it.scopedLive("lets a client that comes again resume its session", () =>
    Effect.gen(function* () {
      const made = (yield* files).make("again")
      const { port } = yield* serve(made)
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const session = yield* Effect.promise(() => sessionWith(port, { maxVersion }))
        const second = yield* Effect.promise(() => shake(port, { maxVersion, session }))
        expect(second.isSessionReused(), maxVersion).toBe(true)
        second.destroy()
      }
    })
  )

  it.scopedLive("speaks TLS 1.0 only if it is told to, and tells of whom it could not understand", () =>
    Effect.gen(function* () {
      const made = (yield* files).make("old", ["-newkey", "rsa:2048"])
      const old = { minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" } as const
      const { port: open } = yield* serve({ ...made, minVersion: "1.0" })
      const socket = yield* Effect.promise(() => shake(open, old))
      expect(socket.getProtocol()).toBe("TLSv1")
      expect(socket.getCipher().name).toMatch(/^ECDHE/)
      socket.destroy()
      const before = yield* failedHandshakes
      const { port } = yield* serve(made)
      const refused = yield* Effect.promise(() => shake(port, old).catch((error: Error) => error))
      expect(refused).toBeInstanceOf(Error)
      expect(yield* failedHandshakes).toBe(before + 1)
    })
  )

  it.scopedLive(
    "warns when the certificate is not for the host of the public URL, or Exchange would not use TLS",
    () =>
      Effect.gen(function* () {
        const made = (yield* files).make("ens")
        const warnings = (publicUrl: string) =>
          Effect.map(serve(made, publicUrl), ({ lines }) =>
            lines.filter(({ level }) => level === "WARN").map(({ text }) => text)
          )
        expect(yield* warnings("https://127.0.0.1:8443/api/ens")).toEqual([])
        expect(yield* warnings("https://ens.example.com/api/ens")).toEqual([
          expect.stringContaining("is not for ens.example.com")
        ])
        expect(yield* warnings("http://localhost/api/ens")).toEqual([
          expect.stringContaining("ENS_PUBLIC_URL starts with http")
        ])
      })
  )
})

describe.skipIf(TlsFiles.missing)("a start with files that cannot be used", () => {
  it.scopedLive("says which setting to correct", () =>
    Effect.gen(function* () {
      const some = yield* files
      const good = some.make("good")
      const other = some.make("other")
      const write = (name: string, content: string | Uint8Array) => {
        writeFileSync(some.path(name), content)
        return some.path(name)
      }
      const locked = some.path("locked.key")
      some.openssl("pkey", "-in", good.keyFile, "-aes256", "-passout", "pass:x", "-out", locked)
      const der = some.path("der.crt")
      some.openssl("x509", "-in", good.certFile, "-outform", "DER", "-out", der)
      const damaged = readFileSync(good.certFile, "utf8").replace(/MII/, "AAA")
      const many = readFileSync(good.certFile, "utf8").repeat(500)
      const cases: ReadonlyArray<readonly [TlsSettings, RegExp]> = [
        [{ ...good, certFile: some.path("none.crt") }, /^ENS_TLS_CERT_FILE: .* \(ENOENT\)/],
        [{ ...good, keyFile: some.path("none.key") }, /^ENS_TLS_KEY_FILE: .* \(ENOENT\)/],
        [{ ...good, keyFile: other.keyFile }, /^ENS_TLS_KEY_FILE: .* does not belong to the certificate/],
        [{ ...good, keyFile: locked }, /^ENS_TLS_KEY_FILE: .* is encrypted; .*ENS_TLS_PFX_FILE/],
        [{ ...good, keyFile: good.certFile }, /^ENS_TLS_KEY_FILE: .* holds no private key/],
        [{ ...good, certFile: der }, /^ENS_TLS_CERT_FILE: .* no certificate in PEM form/],
        [{ ...good, certFile: write("damaged", damaged) }, /^ENS_TLS_CERT_FILE: certificate 1 .* is damaged/],
        [{ ...good, certFile: write("empty", "") }, /^ENS_TLS_CERT_FILE: .* no certificate/],
        // Half of the authorities would be worse than none.
        [
          { ...good, clientAuth: "devices", clientCaFile: write("bundle", many) },
          /^ENS_TLS_CLIENT_CA_FILE: .* more than 256 KiB/
        ],
        [{ ...noTls, pfxFile: good.certFile }, /^ENS_TLS_PFX_FILE: .* is no PKCS#12 file.*ENS_TLS_CERT_FILE/],
        [{ ...noTls, pfxFile: some.path("none.pfx") }, /^ENS_TLS_PFX_FILE: .* \(ENOENT\)/],
        [some.make("weak", ["-newkey", "rsa:1024"]), /^ENS_TLS_CERT_FILE: .* too weak/]
      ]
      for (const [tls, said] of cases) expect((yield* problemOf(tls)).message).toMatch(said)
    })
  )
})

describe.skipIf(TlsFiles.missing)("files that change", () => {
  it.scoped("are taken over without a restart; connections that are open stay", () =>
    Effect.gen(function* () {
      const some = yield* files
      const served = some.make("first")
      const { lines, port } = yield* serve(served)
      const open = yield* Effect.promise(() => shake(port))
      const next = some.make("second")
      copyFileSync(next.certFile, served.certFile)
      copyFileSync(next.keyFile, served.keyFile)
      yield* until(shows(port, "second"))
      expect(open.destroyed).toBe(false)
      open.destroy()
      expect(lines.filter(({ level }) => level === "ERROR")).toEqual([])
      expect(lines.at(-1)?.text).toContain("CN=second")
    })
  )

  it.scoped("change nothing until the pair is whole, and nobody is alarmed", () =>
    Effect.gen(function* () {
      const some = yield* files
      const served = some.make("first")
      const { lines, port } = yield* serve(served)
      const next = some.make("second")
      copyFileSync(next.certFile, served.certFile)
      yield* pass
      expect(yield* shownBy(port)).toBe("first")
      copyFileSync(next.keyFile, served.keyFile)
      yield* until(shows(port, "second"))
      expect(lines.filter(({ level }) => level === "ERROR")).toEqual([])
    })
  )

  it.scoped(
    "that stay broken or away keep the old certificate, with one line in the log, until they are good",
    () =>
      Effect.gen(function* () {
        const some = yield* files
        const served = some.make("first")
        const { lines, port } = yield* serve(served)
        const errors = () => lines.filter(({ level }) => level === "ERROR").map(({ text }) => text)
        writeFileSync(served.certFile, "not a certificate")
        yield* until(Effect.sync(() => errors().length > 0))
        for (let more = 0; more < 3; more++) yield* pass
        expect(errors()).toEqual([
          expect.stringMatching(/stays what it was: ENS_TLS_CERT_FILE: .* no certificate/)
        ])
        expect(yield* shownBy(port)).toBe("first")
        rmSync(served.keyFile)
        rmSync(served.certFile)
        yield* until(Effect.sync(() => errors().length > 1))
        expect(errors()[1]).toContain("ENOENT")
        const next = some.make("third")
        copyFileSync(next.certFile, served.certFile)
        copyFileSync(next.keyFile, served.keyFile)
        yield* until(shows(port, "third"))
        expect(errors()).toHaveLength(2)
      })
  )
})
