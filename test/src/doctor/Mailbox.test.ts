import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { exchangeHosts } from "../../../src/doctor/checks/ExchangeHosts.ts"
import { mailbox } from "../../../src/doctor/checks/Mailbox.ts"
import { type ExchangeOptions, makeExchange } from "../../../src/sandbox/Exchange.ts"
import { makeSeg } from "../../../src/sandbox/Seg.ts"
import { selfMade } from "../../../src/sandbox/SelfMadeCertificate.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { addToken, faults, installation, lines, look, mailboxQuestion } from "./Clinic.ts"

const ADA = { address: "ada@example.com", password: "secret" }
const tls = selfMade(["127.0.0.1"], 30 * 12)

const exchangeWith = (options: ExchangeOptions = {}) => makeExchange({ mailboxes: [ADA], ...options })

/** An Exchange that is listed. */
const listed = Effect.fnUntraced(function* (
  options: ExchangeOptions = {},
  more: { pins?: ReadonlyArray<string> } = {}
) {
  const exchange = yield* exchangeWith(options)
  const directory = yield* temporaryDirectory
  const caFile = join(directory, "ca.pem")
  writeFileSync(caFile, tls.cert)
  const settings = yield* installation(options.tls === undefined ? {} : { ENS_EWS_CA_FILE: caFile })
  yield* addToken(settings, { ewsUrls: [exchange.url], ewsPins: more.pins ?? [] })
  return { exchange, settings }
})

/** An Exchange that only Autodiscover leads to, as far as that is possible on one machine. */
const discovered = Effect.gen(function* () {
  const exchange = yield* exchangeWith()
  const settings = yield* installation({
    ENS_AUTODISCOVER_URLS: exchange.autodiscoverUrl,
    ENS_EWS_ALLOWED_HOSTS: "127.0.0.1"
  })
  return { exchange, settings }
})

/** Nothing but what is configured is asked for it: other places would be looked up in the network. */
const ofNoDomain = (credentials: { readonly password?: string }) =>
  mailboxQuestion({ address: "ada@localhost", ...credentials })

const withAda = { mailbox: mailboxQuestion() }

describe("a mailbox", () => {
  it.scopedLive("that opens is told step by step", () =>
    Effect.gen(function* () {
      const { exchange, settings } = yield* listed({ tls, offers: ["ntlm", "basic"] })
      const text = yield* lines(settings, mailbox, withAda)
      const { host } = new URL(exchange.url)
      for (const part of [
        `✔ EWS URL: ${exchange.url} (listed)`,
        `✔ TLS ${host}: TLSv1.3, trusted, no pins, SHA-256 `,
        `✔ TLS ${host}: the certificate is valid until `,
        `✔ clock of ${host}: `,
        `✔ EWS ${host}: offers NTLM, Basic`,
        "✔ EWS log-in: the Inbox opens, 0 unread, server Exchange2016"
      ]) {
        expect(text).toContain(part)
      }
      expect(text).not.toContain("✖")
      expect(text).not.toContain("secret")
    })
  )

  it.scopedLive("without a log-in is looked at as far as anybody can", () =>
    Effect.gen(function* () {
      const { exchange, settings } = yield* listed()
      const found = yield* look(settings, mailbox, { mailbox: mailboxQuestion({}) })
      expect(found.at(-1)).toMatchObject({ check: "EWS log-in", verdict: "skipped" })
      expect(faults(found)).toEqual([])
      expect(exchange.logins()).toMatchObject({ ok: 0, failed: 0 })
    })
  )

  it.scopedLive("whose log-in is refused costs one refusal and no more", () =>
    Effect.gen(function* () {
      const { exchange, settings } = yield* listed({ tls, offers: ["ntlm", "basic"] })
      const found = yield* look(settings, mailbox, { mailbox: mailboxQuestion({ password: "wrong-word" }) })
      expect(faults(found)).toEqual(["exchange-log-in-refused"])
      expect(exchange.failedLogins(ADA.address)).toBe(1)
      expect(JSON.stringify(found)).not.toContain("wrong-word")
    })
  )

  it.scopedLive("that may not use EWS is told from one that is not let in", () =>
    Effect.gen(function* () {
      const { exchange, settings } = yield* listed()
      yield* exchange.addFault({ kind: "status", status: 403 })
      expect(faults(yield* look(settings, mailbox, withAda))).toEqual(["exchange-forbids-ews"])
    })
  )

  it.scopedLive("of a busy Exchange, or one that refuses the call, is told by its code", () =>
    Effect.gen(function* () {
      const { exchange, settings } = yield* listed()
      yield* exchange.addFault({ kind: "busy", times: 1 })
      expect(faults(yield* look(settings, mailbox, withAda))).toEqual(["exchange-busy"])
      yield* exchange.addFault({ kind: "error", responseCode: "ErrorAccountDisabled", times: 1 })
      const found = yield* look(settings, mailbox, withAda)
      expect(faults(found)).toEqual(["exchange-refuses"])
      expect(found.at(-1)?.says).toContain("ErrorAccountDisabled")
    })
  )

  it.scopedLive("whose EWS URL is none, or is not listed, is told", () =>
    Effect.gen(function* () {
      const { exchange, settings } = yield* listed()
      const at = (ewsUrl: string) => ({ mailbox: mailboxQuestion({ password: "secret" }, ewsUrl) })
      const wrong = new URL("/owa/", exchange.url).href
      expect(faults(yield* look(settings, mailbox, at(wrong)))).toEqual(["ews-url-wrong"])
      const other = "https://mail.example.net/EWS/Exchange.asmx"
      expect(faults(yield* look(settings, mailbox, at(other)))).toEqual(["ews-url-not-allowed"])
      expect(exchange.failedLogins(ADA.address)).toBe(0)
    })
  )

  it.scopedLive("of an Exchange that is down is told", () =>
    Effect.gen(function* () {
      const { exchange, settings } = yield* listed()
      yield* exchange.down
      expect(faults(yield* look(settings, mailbox, withAda))).toEqual(["exchange-unreachable"])
    })
  )

  it.scopedLive("of a tenant that is not there is told", () =>
    Effect.gen(function* () {
      const { settings } = yield* listed()
      expect(yield* lines(settings, mailbox, { ...withAda, tenant: "acme" })).toContain(
        "there is no tenant acme"
      )
    })
  )
})

describe("Autodiscover", () => {
  it.scopedLive("is told step by step, until it leads to EWS", () =>
    Effect.gen(function* () {
      const { exchange, settings } = yield* discovered
      const text = yield* lines(settings, mailbox, withAda)
      expect(text).toContain(
        `✔ Autodiscover SOAP ${new URL(exchange.url).host}: names the EWS URL ${exchange.url}`
      )
      expect(text).toContain("✔ EWS log-in:")
      expect(text).not.toContain(ADA.address)
    })
  )

  it.scopedLive("that refuses the log-in is the only one to be shown it", () =>
    Effect.gen(function* () {
      const { exchange, settings } = yield* discovered
      const found = yield* look(settings, mailbox, { mailbox: mailboxQuestion({ password: "wrong" }) })
      expect(faults(found)).toEqual(["exchange-log-in-refused"])
      expect(exchange.failedLogins(ADA.address)).toBe(1)
    })
  )

  it.scopedLive("that wants a log-in where none was given is there", () =>
    Effect.gen(function* () {
      const { settings } = yield* discovered
      const found = yield* look(settings, mailbox, { mailbox: ofNoDomain({}) })
      expect(faults(found)).toEqual([])
      expect(found.at(-1)?.says).toContain("it is there, and tells nothing without a log-in")
    })
  )

  it.scopedLive("that is nowhere is autodiscover-missing, behind a line for each place", () =>
    Effect.gen(function* () {
      const { exchange, settings } = yield* discovered
      yield* exchange.addAutodiscoverFault({ kind: "status", status: 404, beforeLogIn: true })
      const found = yield* look(settings, mailbox, { mailbox: ofNoDomain({ password: "secret" }) })
      expect(faults(found)).toEqual(["autodiscover-missing"])
      expect(found.filter(({ check }) => /^Autodiscover (SOAP|POX|JSON)/.test(check)).length).toBeGreaterThan(
        1
      )
    })
  )
})

describe("Autodiscover at a place", () => {
  it.scopedLive("that nobody trusts says why it is missing", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith({ tls })
      const settings = yield* installation({
        ENS_AUTODISCOVER_URLS: exchange.autodiscoverUrl,
        ENS_EWS_ALLOWED_HOSTS: "127.0.0.1"
      })
      const found = yield* look(settings, mailbox, { mailbox: ofNoDomain({ password: "secret" }) })
      expect(faults(found)).toEqual(["autodiscover-missing", "certificate-not-trusted"])
    })
  )
})

describe("a Secure Email Gateway", () => {
  const guarded = Effect.gen(function* () {
    const exchange = yield* exchangeWith()
    const seg = yield* makeSeg({ upstream: new URL(exchange.url).origin })
    const settings = yield* installation({ ENS_SEG_HOSTS: "127.0.0.1" })
    yield* addToken(settings, { ewsUrls: [seg.url] })
    return { seg, settings }
  })
  const withDevice = { mailbox: { ...mailboxQuestion(), deviceId: "device-1" } }

  it.scopedLive("lets a compliant device pass, and says so of others", () =>
    Effect.gen(function* () {
      const { seg, settings } = yield* guarded
      const text = yield* lines(settings, mailbox, withDevice)
      expect(text).toContain(", a Secure Email Gateway")
      expect(text).toContain("✔ EWS log-in")
      yield* seg.judge("device-1", "notCompliant")
      expect(faults(yield* look(settings, mailbox, withDevice))).toEqual(["seg-blocks-device"])
      expect(new Set(seg.requests().flatMap(({ devices }) => devices))).toEqual(new Set(["device-1"]))
    })
  )

  it.scopedLive("is not logged in to without a device", () =>
    Effect.gen(function* () {
      const { settings } = yield* guarded
      const text = yield* lines(settings, mailbox, withAda)
      expect(text).toMatch(/– EWS 127\.0\.0\.1:\d+: .*--device-id/)
      expect(text).not.toContain("EWS log-in")
    })
  )
})

describe("a listed Exchange", () => {
  it.scopedLive("is looked at without a log-in when no mailbox is given", () =>
    Effect.gen(function* () {
      const { exchange, settings } = yield* listed({ tls, offers: ["ntlm"] })
      const text = yield* lines(settings, exchangeHosts)
      expect(text).toContain(`✔ EWS ${new URL(exchange.url).host}: offers NTLM`)
      expect(exchange.logins()).toMatchObject({ ok: 0, failed: 0 })
    })
  )

  it.scopedLive("whose certificate nobody knows is certificate-not-trusted", () =>
    Effect.gen(function* () {
      const exchange = yield* exchangeWith({ tls })
      const settings = yield* installation()
      yield* addToken(settings, { ewsUrls: [exchange.url] })
      expect(faults(yield* look(settings, exchangeHosts))).toEqual(["certificate-not-trusted"])
    })
  )

  it.scopedLive("whose certificate has ended, or is for another name, is told what helps against that", () =>
    Effect.gen(function* () {
      const cureOf = Effect.fnUntraced(function* ({ cert, key }: typeof tls) {
        const exchange = yield* exchangeWith({ tls: { cert, key } })
        const authority = join(yield* temporaryDirectory, "authority.pem")
        writeFileSync(authority, cert)
        const settings = yield* installation({ ENS_EWS_CA_FILE: authority })
        yield* addToken(settings, { ewsUrls: [exchange.url] })
        const [wrong] = (yield* look(settings, exchangeHosts)).filter(({ verdict }) => verdict === "failed")
        expect(wrong?.fault).toBe("certificate-not-trusted")
        return wrong?.cure
      })
      expect(yield* cureOf(selfMade(["127.0.0.1"], -0.5))).toMatch(/^renew the certificate there/)
      expect(yield* cureOf(selfMade(["mail.example.com"], 30))).toMatch(
        /^use the name in the EWS URL that the certificate is for/
      )
    })
  )

  it.scopedLive("whose certificate is another than the pinned one is pin-mismatch, and both are told", () =>
    Effect.gen(function* () {
      const { settings } = yield* listed({ tls }, { pins: ["ab".repeat(32)] })
      const found = yield* look(settings, exchangeHosts)
      expect(faults(found)).toEqual(["pin-mismatch"])
      expect(found.at(-1)?.says).toMatch(/SHA-256 [0-9a-f]{64}/)
    })
  )

  it.scopedLive("with another time than ours is clock-skew", () =>
    Effect.gen(function* () {
      const url = yield* serverAt(600_000, 401)
      const settings = yield* installation()
      yield* addToken(settings, { ewsUrls: [url] })
      const found = yield* look(settings, exchangeHosts)
      expect(faults(found)).toEqual(["clock-skew"])
      expect(found.find(({ fault }) => fault)?.says).toMatch(/(599|600|601) s ahead of ours/)
    })
  )

  it.scopedLive("that is a web page is ews-url-wrong", () =>
    Effect.gen(function* () {
      const url = yield* serverAt(0, 200)
      const settings = yield* installation()
      yield* addToken(settings, { ewsUrls: [url] })
      expect(faults(yield* look(settings, exchangeHosts))).toEqual(["ews-url-wrong"])
    })
  )
})

/** A server with this status, whose clock is so many milliseconds ahead. */
const serverAt = (ahead: number, status: number) =>
  Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((incoming, outgoing) => {
        incoming.resume()
        outgoing.writeHead(status, {
          date: new Date(Date.now() + ahead).toUTCString(),
          "content-type": "text/html",
          ...(status === 401 ? { "www-authenticate": "Basic realm=x" } : {})
        })
        outgoing.end("<html>a page</html>")
      }).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  ).pipe(
    Effect.map((server) => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      return `http://127.0.0.1:${port}/EWS/Exchange.asmx`
    })
  )
