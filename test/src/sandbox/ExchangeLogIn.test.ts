import { randomBytes, X509Certificate } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { channelBindingOf } from "../../../layers/net/ChannelBinding.ts"
import { authenticate, negotiate, parseChallenge } from "../../../layers/net/Ntlm.ts"
import { unwrapChallenge, wrapAuthenticate, wrapNegotiate } from "../../../layers/net/Spnego.ts"
import { type ExchangeOptions, makeExchange, type Scheme } from "../../../src/sandbox/Exchange.ts"
import { clientCertificate, selfSigned } from "./support/Certificate.ts"
import { type Connection, connectTo } from "./support/Connection.ts"
import { ALICE, basic, envelope, ews, getFolderXml, inboxOf, PASSWORD } from "./support/SoapClient.ts"

const TLS = selfSigned()
const BINDING = channelBindingOf(new X509Certificate(TLS.cert))
const BODY = envelope(getFolderXml(inboxOf()), "Exchange2013_SP1")

const secured = (offers: ReadonlyArray<Scheme>, options: ExchangeOptions = {}) =>
  makeExchange({
    tls: TLS,
    mailboxes: [{ address: ALICE, password: PASSWORD, tokens: ["token-1"] }],
    offers,
    ...options
  })

interface Attempt {
  readonly scheme?: "NTLM" | "Negotiate"
  readonly user?: string
  readonly password?: string
  readonly channelBinding?: Buffer | undefined
}

/** Both legs over one connection; the status of the second. */
const ntlm = (connection: Connection, attempt: Attempt = {}) =>
  Effect.gen(function* () {
    const { scheme = "NTLM", user = "CORP\\alice", password = PASSWORD, channelBinding = BINDING } = attempt
    const wrapped = scheme === "Negotiate"
    const first = negotiate()
    const token = wrapped ? wrapNegotiate(first) : first
    const challenged = yield* connection.post("", { authorization: `${scheme} ${token.toString("base64")}` })
    expect(challenged.status).toBe(401)
    const received = Buffer.from(challenged.offers[0]?.split(" ")[1] ?? "", "base64")
    const third = authenticate({
      challenge: Either.getOrThrow(
        parseChallenge(wrapped ? Either.getOrThrow(unwrapChallenge(received)) : received)
      ),
      negotiate: first,
      user,
      domain: undefined,
      password,
      channelBinding,
      random: randomBytes(8),
      now: Date.now()
    })
    const answer = (wrapped ? wrapAuthenticate(third) : third).toString("base64")
    return (yield* connection.post(BODY, { authorization: `${scheme} ${answer}` })).status
  })

describe("a 401", () => {
  it.scopedLive.each([
    [["basic"], ['Basic realm="sandbox"']],
    [["ntlm"], ["NTLM"]],
    [
      ["basic", "ntlm"],
      ["NTLM", 'Basic realm="sandbox"']
    ],
    [["negotiate"], ["Negotiate"]],
    [
      ["negotiate", "ntlm"],
      ["Negotiate", "NTLM"]
    ]
  ] as const)("offers %j and nothing else", ([offers, expected]) =>
    Effect.gen(function* () {
      const exchange = yield* secured(offers)
      const connection = yield* connectTo(exchange.url, { ca: TLS.cert })
      const reply = yield* connection.post("")
      expect([reply.status, reply.offers]).toEqual([401, expected])
      expect(exchange.operations()).toEqual({})
    })
  )

  it.scopedLive("answers schemes that are not on offer, however right they are", () =>
    Effect.gen(function* () {
      const exchange = yield* secured(["ntlm"])
      const connection = yield* connectTo(exchange.url, { ca: TLS.cert })
      expect((yield* connection.post(BODY, { authorization: basic(ALICE, PASSWORD) })).status).toBe(401)
      expect((yield* connection.post(BODY, { authorization: "Bearer token-1" })).status).toBe(401)
      expect(exchange.failedLogins(ALICE)).toBe(0)
    })
  )

  it.scopedLive("calls a token invalid that has expired", () =>
    Effect.gen(function* () {
      const exchange = yield* secured(["bearer"])
      const connection = yield* connectTo(exchange.url, { ca: TLS.cert })
      expect((yield* connection.post(BODY, { authorization: "Bearer token-1" })).status).toBe(200)
      yield* exchange.setTokens(ALICE, ["token-2"])
      const expired = yield* connection.post(BODY, { authorization: "Bearer token-1" })
      expect(expired.status).toBe(401)
      expect(expired.offers[0]).toMatch(/^Bearer .*error="invalid_token"$/)
      expect((yield* connection.post("")).offers[0]).not.toContain("invalid_token")
      expect((yield* connection.post(BODY, { authorization: "Bearer token-2" })).status).toBe(200)
    })
  )
})

it.scopedLive("what is on offer changes while the server runs", () =>
  Effect.gen(function* () {
    const exchange = yield* secured(["ntlm"])
    const connection = yield* connectTo(exchange.url, { ca: TLS.cert })
    const control = yield* connectTo(`${exchange.controlUrl}/settings`)
    expect(yield* ntlm(connection)).toBe(200)
    const settings = { offers: ["basic"], serverVersion: "2010_SP1", lockAfter: 1 }
    expect((yield* control.post(JSON.stringify(settings))).status).toBe(200)
    const refused = yield* connection.post(BODY)
    expect([refused.status, refused.offers]).toEqual([401, ['Basic realm="sandbox"']])
    const right = { authorization: basic(ALICE, PASSWORD) }
    const old = yield* connection.post(BODY, right)
    expect([old.status, old.text]).toEqual([500, expect.stringContaining("ErrorInvalidServerVersion")])
    yield* connection.post(BODY, { authorization: basic(ALICE, "wrong") })
    expect((yield* connection.post(BODY, right)).status).toBe(401)
    yield* control.post('{"lockAfter":0}')
    expect((yield* connection.post(BODY, right)).status).toBe(500)
    yield* exchange.configure({ offers: ["ntlm"], channelBinding: "require" })
    expect(yield* ntlm(connection, { channelBinding: Buffer.alloc(16) })).toBe(401)
  })
)

describe("NTLM", () => {
  it.scopedLive.each(["NTLM", "Negotiate"] as const)("logs the connection in, and no other (%s)", (scheme) =>
    Effect.gen(function* () {
      const exchange = yield* secured(["ntlm", "negotiate"])
      const connection = yield* connectTo(exchange.url, { ca: TLS.cert })
      expect(yield* ntlm(connection, { scheme })).toBe(200)
      expect((yield* connection.post(BODY)).status).toBe(200)
      const other = yield* connectTo(exchange.url, { ca: TLS.cert })
      expect((yield* other.post(BODY)).status).toBe(401)
      expect(exchange.logins()).toEqual({ ok: 2, failed: 0, anonymous: 2 })
    })
  )

  it.scopedLive("takes the long and the short domain and the address, and no wrong password", () =>
    Effect.gen(function* () {
      const exchange = yield* secured(["ntlm"])
      const status = (attempt: Attempt) =>
        Effect.scoped(
          Effect.flatMap(connectTo(exchange.url, { ca: TLS.cert }), (connection) => ntlm(connection, attempt))
        )
      for (const user of ["CORP\\alice", "corp.example\\Alice", ALICE])
        expect([user, yield* status({ user })]).toEqual([user, 200])
      expect(yield* status({ user: "OTHER\\alice" })).toBe(401)
      expect(exchange.failedLogins(ALICE)).toBe(0)
      expect(yield* status({ password: "wrong" })).toBe(401)
      expect(exchange.failedLogins(ALICE)).toBe(1)
    })
  )

  it.scopedLive("checks the binding to the TLS channel as Extended Protection is set", () =>
    Effect.gen(function* () {
      const statuses = (channelBinding: "require" | "allow" | "none") =>
        Effect.gen(function* () {
          const exchange = yield* secured(["ntlm"], { channelBinding })
          return yield* Effect.forEach([BINDING, Buffer.alloc(16), Buffer.alloc(16, 1)], (claimed) =>
            Effect.flatMap(connectTo(exchange.url, { ca: TLS.cert }), (connection) =>
              ntlm(connection, { channelBinding: claimed })
            )
          )
        })
      expect(yield* statuses("require")).toEqual([200, 401, 401])
      expect(yield* statuses("allow")).toEqual([200, 200, 401])
      expect(yield* statuses("none")).toEqual([200, 200, 200])
    })
  )

  it.scopedLive("logs a connection out by script, and in again after a new handshake", () =>
    Effect.gen(function* () {
      const exchange = yield* secured(["ntlm"])
      const connection = yield* connectTo(exchange.url, { ca: TLS.cert })
      expect(yield* ntlm(connection)).toBe(200)
      yield* exchange.addFault({ kind: "unauthorized", times: 1 })
      expect((yield* connection.post(BODY)).status).toBe(401)
      expect((yield* connection.post(BODY)).status).toBe(401)
      expect(yield* ntlm(connection)).toBe(200)
      expect(exchange.failedLogins(ALICE)).toBe(0)
    })
  )
})

describe("too many wrong passwords", () => {
  it.scopedLive("lock the account, so that the right one is refused too, until it is unlocked", () =>
    Effect.gen(function* () {
      const exchange = yield* makeExchange({
        mailboxes: [{ address: ALICE, password: PASSWORD }],
        lockAfter: 2
      })
      const status = (password: string) =>
        ews(exchange, getFolderXml(inboxOf()), { authorization: basic(ALICE, password) }).pipe(
          Effect.map((answer) => answer.status)
        )
      expect([yield* status("x"), yield* status(PASSWORD), yield* status("x")]).toEqual([401, 200, 401])
      expect(exchange.rejections()).toEqual({ failed: { [ALICE]: 2 }, locked: [] })
      expect([yield* status("x"), yield* status(PASSWORD)]).toEqual([401, 401])
      expect(exchange.rejections()).toEqual({ failed: { [ALICE]: 4 }, locked: [ALICE] })
      yield* exchange.unlock(ALICE)
      expect(yield* status(PASSWORD)).toBe(200)
      expect(exchange.rejections()).toEqual({ failed: { [ALICE]: 4 }, locked: [] })
    })
  )
})

describe("a client certificate", () => {
  const { ca, client } = clientCertificate(ALICE)

  it.scopedLive("is a log-in by itself, and without one nobody gets as far as HTTP", () =>
    Effect.gen(function* () {
      const exchange = yield* makeExchange({
        tls: { ...TLS, clientCa: ca },
        mailboxes: [{ address: ALICE, password: PASSWORD }]
      })
      const withOne = yield* connectTo(exchange.url, { ca: TLS.cert, ...client })
      expect((yield* withOne.post(BODY)).status).toBe(200)
      expect(exchange.requests()[0]).toMatchObject({ user: ALICE, scheme: "" })
      const without = yield* connectTo(exchange.url, { ca: TLS.cert })
      expect((yield* without.post(BODY)).status).toBe(0)
      const foreign = clientCertificate(ALICE).client
      const withForeign = yield* connectTo(exchange.url, { ca: TLS.cert, ...foreign })
      expect((yield* withForeign.post(BODY)).status).toBe(0)
    })
  )

  it.scopedLive("can be demanded besides a password", () =>
    Effect.gen(function* () {
      const exchange = yield* secured(["basic"], { tls: { ...TLS, clientCa: ca } })
      const connection = yield* connectTo(exchange.url, { ca: TLS.cert, ...client })
      expect((yield* connection.post(BODY)).status).toBe(401)
      expect((yield* connection.post(BODY, { authorization: basic(ALICE, PASSWORD) })).status).toBe(200)
    })
  )

  it.scopedLive("of somebody without a mailbox opens none", () =>
    Effect.gen(function* () {
      const other = clientCertificate("zoe@corp.example")
      const exchange = yield* makeExchange({
        tls: { ...TLS, clientCa: other.ca },
        mailboxes: [{ address: ALICE, password: PASSWORD }]
      })
      const connection = yield* connectTo(exchange.url, { ca: TLS.cert, ...other.client })
      expect((yield* connection.post(BODY)).status).toBe(401)
    })
  )
})
