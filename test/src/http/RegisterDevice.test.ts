import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted, TestClock } from "effect"
import { RsaKeys } from "../../../layers/crypto/RsaKeys.ts"
import type { Storage } from "../../../layers/storage/Storage.ts"
import { userIdOfAddress } from "../../../schemas/Ids.ts"
import type { Register } from "../../../schemas/SubscriptionMessage.ts"
import {
  ADDRESS,
  EWS_URL,
  type Line,
  layer,
  makeToken,
  open,
  registration,
  SEG_URL,
  USER_ID,
  userNumber
} from "../../support/DeviceApiFixture.ts"
import { SubscriptionScript } from "../../support/FakeSubscriptions.ts"

/** A phone that has its public key, and how it registers. */
const phone = Effect.gen(function* () {
  const { post } = yield* open
  yield* makeToken()
  yield* LOOKED_AGAIN
  const { json } = yield* post("getpublickey", { userId: USER_ID })
  const script = yield* SubscriptionScript
  script.reply("Register", Effect.succeed({ code: "UserSubscribed", message: "", subscriptionId: "sub-1" }))
  const register = (outside: Record<string, unknown> = {}, inside: Record<string, unknown> = {}) =>
    Effect.flatMap(registration(json["publicKey"], outside, inside), (body) => post("registerdevicev2", body))
  /** The code, and the message that came with it. */
  const codeOf = (outside: Record<string, unknown> = {}, inside: Record<string, unknown> = {}) =>
    Effect.map(register(outside, inside), ({ json }) => [json["responseCode"], json["errorMessage"]])
  return { post, register, codeOf, script, publicKey: json["publicKey"] }
})

/** A phone of a tenant without any list: registering waits on the test's clock. */
const unlistedPhone = Effect.gen(function* () {
  const { post, script } = yield* phone
  const headers = { ENSAPIToken: "the token of tenant unlisted" }
  yield* makeToken(headers.ENSAPIToken, "unlisted")
  yield* LOOKED_AGAIN
  const { json } = yield* post("getpublickey", { userId: USER_ID }, headers)
  const body = yield* registration(json["publicKey"], { ewsUrl: undefined })
  /** Under way, and already with the actor. */
  const waitingFor = Effect.gen(function* () {
    const before = script.requests.length
    const waiting = yield* Effect.fork(post("registerdevicev2", body, headers))
    while (script.requests.length === before) yield* realPause
    yield* realPause
    return waiting
  })
  return { bodies: [] as Array<string>, script, waitingFor }
})

/** Tokens that are not known are looked up once a second. */
const LOOKED_AGAIN = TestClock.adjust("1 seconds")

/** For what passes real crypto and streams. */
const realPause = Effect.promise(() => new Promise((done) => setTimeout(done, 5)))

/** The latest registration that reached the actor. */
const last = (script: SubscriptionScript["Type"]): Register => script.requests.at(-1)!.request as Register

/** The one registration that reached the actor. */
const only = (script: SubscriptionScript["Type"]): Register => {
  expect(script.requests).toHaveLength(1)
  return last(script)
}

const encrypted = (publicKey: unknown, text: string) =>
  Effect.map(RsaKeys, (rsa) =>
    rsa.encryptBlocks(Buffer.from(String(publicKey), "base64"), Buffer.from(text)).toString("base64")
  )

const jwt = (claims: object) =>
  ["{}", JSON.stringify(claims), "signature"].map((part) => Buffer.from(part).toString("base64url")).join(".")

describe("registerdevicev2", () => {
  const scoped = <E>(name: string, body: Effect.Effect<void, E, Services>) =>
    it.scoped(name, () => Effect.provide(body, layer()))
  type Services = Effect.Effect.Context<typeof phone> | Storage

  scoped(
    "7: hands the opened registration to the user's actor and adds its subscription id",
    Effect.gen(function* () {
      const { register, script } = yield* phone
      const got = yield* register({
        deviceType: "ANDROID",
        deviceId: "uem-1",
        policyLimitNotificationText: "3",
        sound: "",
        pushEnvironment: "Sandbox",
        exchangeVersion: 2,
        forceSubscription: "True"
      })
      expect([got.status, got.json["responseCode"], got.json["subscriptionId"]]).toEqual([200, 7, "sub-1"])
      const request = only(script)
      expect(script.requests[0]?.user).toBe(yield* userNumber)
      expect(request).toMatchObject({
        _tag: "Register",
        device: {
          token: "token-1",
          platform: "Android",
          bundleId: "com.example.mail",
          deviceId: "uem-1",
          policy: 3,
          sound: "",
          environment: "sandbox"
        },
        authType: "Basic",
        tokenExpiresAt: null,
        ewsUrl: EWS_URL,
        exchangeVersion: "Exchange2010_SP1",
        force: true
      })
      expect(Redacted.value(request.credentials)).toEqual({
        address: ADDRESS,
        username: "ann",
        password: "s3cret-word"
      })
    })
  )

  scoped(
    "answers whose user is gone meanwhile as if he had been before: 34, and 9 for a new push token",
    Effect.gen(function* () {
      const { post, register, script } = yield* phone
      const gone = Effect.succeed({
        code: "UserSubscriptionNotFound",
        message: "the user has been unregistered"
      })
      script.reply("Register", gone)
      script.reply("UpdateDeviceToken", gone)
      const before = yield* register({ userId: "0".repeat(64) })
      const meanwhile = yield* register()
      expect([meanwhile.status, meanwhile.text]).toEqual([before.status, before.text])
      expect(meanwhile.json["responseCode"]).toBe(34)
      const tokens = { oldDeviceToken: "token-1", newDeviceToken: "token-2" }
      const unknown = yield* post("updatedevicetoken", { userId: "0".repeat(64), ...tokens })
      const updated = yield* post("updatedevicetoken", { userId: USER_ID, ...tokens })
      expect([updated.status, updated.text]).toEqual([unknown.status, unknown.text])
      expect(updated.json["responseCode"]).toBe(9)
    })
  )

  scoped(
    "asks Exchange for the address whose hash was compared, not for another one with the same hash",
    Effect.gen(function* () {
      const { post, script } = yield* phone
      // The sign for Kelvin has an ordinary k as its lower case.
      const userId = userIdOfAddress("nick@example.com")
      const { json } = yield* post("getpublickey", { userId })
      const addressOf = Effect.fnUntraced(function* (emailAddress: string) {
        const body = yield* registration(json["publicKey"], { userId }, { emailAddress })
        expect((yield* post("registerdevicev2", body)).json["responseCode"]).toBe(7)
        return Redacted.value(last(script).credentials).address
      })
      expect(yield* addressOf("nic\u212a@example.com")).toBe("nick@example.com")
      expect(yield* addressOf("Nick@Example.com")).toBe("Nick@Example.com")
    })
  )

  scoped(
    "fills in what the device leaves out",
    Effect.gen(function* () {
      const { register, script } = yield* phone
      yield* register({ ewsUrl: null, deviceId: "" })
      expect(only(script)).toMatchObject({
        device: { deviceId: null, policy: 1, sound: null, environment: "production" },
        ewsUrl: EWS_URL,
        exchangeVersion: undefined,
        force: false
      })
    })
  )

  scoped(
    "takes auth types as names in any case and as numbers",
    Effect.gen(function* () {
      const { register, script } = yield* phone
      const inside = { accessToken: "t", certificate: "c" }
      const spellings = {
        Basic: ["basic", "BASIC", 0, "0"],
        OAuth: ["oauth", 1],
        Certificate: ["CERTIFICATE", 2],
        Dual: ["dual", "3"]
      }
      for (const [expected, values] of Object.entries(spellings)) {
        for (const authType of values) {
          yield* register({ authType }, inside)
          const request = last(script)
          expect(request.authType, String(authType)).toBe(expected)
        }
      }
    })
  )

  scoped(
    "passes on only the credentials that the auth type uses",
    Effect.gen(function* () {
      const { register, script } = yield* phone
      const inside = { domain: "EX", accessToken: "bearer", certificate: "pfx", certificatePassword: "cp" }
      const expected = {
        Basic: ["address", "domain", "password", "username"],
        OAuth: ["accessToken", "address"],
        Certificate: ["address", "certificate", "certificatePassword"],
        Dual: ["accessToken", "address", "certificate", "certificatePassword"]
      }
      for (const [authType, keys] of Object.entries(expected)) {
        yield* register({ authType }, inside)
        const request = last(script)
        expect(Object.keys(Redacted.value(request.credentials)).sort(), authType).toEqual(keys)
      }
    })
  )

  scoped(
    "36: an auth type that is unknown, before anything else of the payload is looked at",
    Effect.gen(function* () {
      const { codeOf } = yield* phone
      for (const authType of ["Kerberos", 4, -1, "10", 1.5]) {
        const [code, message] = yield* codeOf({
          authType,
          payload: "rubbish",
          ewsUrl: "https://evil.example/"
        })
        expect(code, String(authType)).toBe(36)
        expect(message).toContain("authType must be")
      }
    })
  )

  scoped(
    "36: an auth type that the payload does not fit",
    Effect.gen(function* () {
      const { codeOf, script } = yield* phone
      const none = { password: "", accessToken: "", certificate: "" }
      for (const [authType, inside] of [
        ["Basic", none],
        ["OAuth", { ...none, password: "p" }],
        ["Certificate", { ...none, accessToken: "t" }],
        ["Dual", { ...none, certificate: "c" }],
        ["Dual", { ...none, password: "p" }]
      ] as const) {
        const [code, message] = yield* codeOf({ authType }, inside)
        expect(code, `${authType} ${JSON.stringify(inside)}`).toBe(36)
        expect(message).toContain(authType)
      }
      expect(script.requests).toEqual([])
    })
  )

  scoped(
    "35: an EWS URL that is not allowed, before the payload is opened",
    Effect.gen(function* () {
      const { register } = yield* phone
      const got = yield* register({ ewsUrl: "https://evil.example/EWS/Exchange.asmx", payload: "rubbish" })
      expect([got.status, got.json["responseCode"]]).toEqual([409, 35])
      expect(got.json["errorMessage"]).not.toBe("")
    })
  )

  scoped(
    "34: one text for every payload that cannot be used",
    Effect.gen(function* () {
      const { register, post, publicKey, script } = yield* phone
      const good = yield* registration(publicKey)
      const changed = Buffer.from(good.payload, "base64")
      changed[5] = (changed[5] ?? 0) ^ 1
      const payloads = {
        "not base64": "%%%%",
        "of a wrong length": "AAAA",
        "encrypted to another key": randomBytes(256).toString("base64"),
        changed: changed.toString("base64"),
        "half a block": good.payload.slice(0, 100),
        "too many blocks": randomBytes(256 * 65).toString("base64")
      }
      const messages = new Set<unknown>()
      for (const [what, payload] of Object.entries(payloads)) {
        const got = yield* register({ payload })
        expect([got.status, got.json["responseCode"]], what).toEqual([400, 34])
        messages.add(got.json["errorMessage"])
      }
      for (const inside of [
        { emailAddress: "bob@example.com" },
        { emailAddress: "" },
        { emailAddress: 5 },
        { password: {} },
        { ewsUrl: "https://other.example.com/" },
        { ewsUrl: "nonsense" },
        { deviceToken: "token-2" },
        { issuedAt: "yesterday" },
        { issuedAt: new Date(-601_000).toISOString() },
        { issuedAt: new Date(601_000).toISOString() },
        { authType: "OAuth", accessToken: "t", accessTokenExpiresAt: "soon" }
      ]) {
        const got = yield* register({ authType: "authType" in inside ? inside.authType : "Basic" }, inside)
        expect([got.status, got.json["responseCode"]], JSON.stringify(inside)).toEqual([400, 34])
        messages.add(got.json["errorMessage"])
      }
      const stranger = { ...good, userId: "0".repeat(64) }
      const unknown = yield* post("registerdevicev2", stranger)
      expect([unknown.status, unknown.json["responseCode"]]).toEqual([400, 34])
      messages.add(unknown.json["errorMessage"])
      expect(messages.size).toBe(1)
      expect(script.requests).toEqual([])
    })
  )

  scoped(
    "34: a payload that is no credentials at all",
    Effect.gen(function* () {
      const { post, publicKey } = yield* phone
      for (const inside of ["[]", "{}", "text", '{"emailAddress":', '"emailAddress"', "null", ""]) {
        const body = yield* registration(publicKey, { payload: yield* encrypted(publicKey, inside) })
        const got = yield* post("registerdevicev2", body)
        expect(got.json["responseCode"], inside).toBe(inside === "" ? 32 : 34)
      }
    })
  )

  scoped(
    "takes URL, token and time inside the payload when they agree",
    Effect.gen(function* () {
      const { codeOf } = yield* phone
      yield* TestClock.setTime(Date.parse("1970-01-01T00:09:00Z"))
      const inside = {
        emailAddress: " ANN@EXAMPLE.COM ".trim(),
        ewsUrl: "https://MAIL.example.com/ews/exchange.asmx/",
        deviceToken: "token-1",
        issuedAt: "1970-01-01T00:00:00Z"
      }
      expect(yield* codeOf({}, inside)).toEqual([7, ""])
      yield* TestClock.adjust("2 minutes")
      expect((yield* codeOf({}, inside))[0]).toBe(34)
    })
  )

  scoped(
    "opens payloads of several blocks, of letters outside of ASCII, and with line breaks in the base64",
    Effect.gen(function* () {
      const { register, post, publicKey, script } = yield* phone
      const password = "пароль🔑".repeat(100)
      yield* register({}, { password })
      expect(Redacted.value(only(script).credentials).password).toBe(password)
      const body = yield* registration(publicKey)
      const broken = { ...body, payload: body.payload.replace(/.{64}/g, "$&\r\n") }
      expect((yield* post("registerdevicev2", broken)).json["responseCode"]).toBe(7)
    })
  )

  scoped(
    "knows when an access token ends: from the app, else from the token, else in an hour",
    Effect.gen(function* () {
      const { register, script } = yield* phone
      yield* TestClock.setTime(1_000_000)
      const cases = [
        [
          { accessToken: "opaque", accessTokenExpiresAt: "2026-01-02T03:04:05Z" },
          Date.parse("2026-01-02T03:04:05Z")
        ],
        [{ accessToken: jwt({ exp: 1_700_000_000 }) }, 1_700_000_000_000],
        [
          { accessToken: jwt({ exp: 1_700_000_000 }), accessTokenExpiresAt: "2026-01-02" },
          Date.parse("2026-01-02")
        ],
        [{ accessToken: "opaque" }, 4_600_000],
        [{ accessToken: jwt({ exp: "never" }) }, 4_600_000],
        [{ accessToken: jwt({ exp: 1e300 }) }, 4_600_000],
        [{ accessToken: "a.b.c" }, 4_600_000]
      ] as const
      for (const [inside, expected] of cases) {
        yield* register({ authType: "OAuth" }, inside)
        const request = last(script)
        expect(request.tokenExpiresAt, JSON.stringify(inside)).toBe(expected)
      }
      yield* register({ authType: "Basic" }, { accessToken: "opaque" })
      expect(last(script).tokenExpiresAt).toBe(null)
    })
  )

  scoped(
    "leaves it to Autodiscover where no URL is named and none listed",
    Effect.gen(function* () {
      const { post } = yield* phone
      const script = yield* SubscriptionScript
      const headers = { ENSAPIToken: "the token of tenant unlisted" }
      yield* makeToken(headers.ENSAPIToken, "unlisted")
      yield* LOOKED_AGAIN
      const key = yield* post("getpublickey", { userId: USER_ID }, headers)
      const body = yield* registration(key.json["publicKey"], { ewsUrl: undefined })
      yield* post("registerdevicev2", body, headers)
      expect(last(script).ewsUrl).toBe(undefined)
      // Only what would have been a good registration gets so far.
      const bad = yield* post("registerdevicev2", { ...body, payload: "AAAA" }, headers)
      expect(bad.json["responseCode"]).toBe(34)
    })
  )

  scoped(
    "tells nothing of hosts that nobody listed: one text, and not before 8 seconds; success at once",
    Effect.gen(function* () {
      const { bodies, script, waitingFor } = yield* unlistedPhone
      for (const [reply, code] of [
        [{ code: "SubscribeAgain", message: "a.example is closed", retryAfterSeconds: 300 }, 14],
        [{ code: "SubscribeAgain", message: "The Autodiscover service couldn't be located." }, 14],
        [{ code: "SubscribeAgain", message: "Exchange did not accept these credentials" }, 14],
        [{ code: "FailedToGetEwsUrlFromAutoDiscovery", message: "no URL" }, 16],
        [{ code: "EWSUrlMismatch", message: "not in the list" }, 35]
      ] as const) {
        script.reply("Register", Effect.succeed(reply))
        const waiting = yield* waitingFor
        yield* TestClock.adjust("7999 millis")
        expect(waiting.unsafePoll(), reply.message).toBe(null)
        yield* TestClock.adjust("1 millis")
        const got = yield* waiting
        expect([got.status, got.json["responseCode"]]).toEqual([409, code])
        bodies.push(code === 14 ? got.text : "")
      }
      expect(new Set(bodies.filter((text) => text !== "")).size).toBe(1)
      expect(bodies[0]).toContain("The Autodiscover service couldn't be located.")
      expect(bodies[0]).not.toContain("a.example")
      script.reply("Register", Effect.succeed({ code: "UserSubscribed", message: "" }))
      expect((yield* yield* waitingFor).json["responseCode"]).toBe(7)
    })
  )

  scoped(
    "adds nothing to what took longer than 8 seconds already, and gives it the same text",
    Effect.gen(function* () {
      const { script, waitingFor } = yield* unlistedPhone
      script.reply("Register", Effect.never)
      const waiting = yield* waitingFor
      yield* TestClock.adjust("28 seconds")
      const got = yield* waiting
      expect([got.json["responseCode"], got.json["errorMessage"]]).toEqual([
        14,
        expect.stringContaining("The Autodiscover service couldn't be located.")
      ])
    })
  )

  scoped(
    "32: a host that is a Secure Email Gateway needs device ids, whatever else is wrong",
    Effect.gen(function* () {
      const { register } = yield* phone
      const got = yield* register({ ewsUrl: SEG_URL, authType: "Kerberos", payload: "rubbish" })
      expect([got.json["responseCode"], got.json["errorMessage"]]).toEqual([
        32,
        expect.stringContaining("deviceId")
      ])
      expect((yield* register({ ewsUrl: SEG_URL, deviceId: "d" })).json["responseCode"]).toBe(7)
    })
  )

  scoped(
    "32: a tenant behind a Secure Email Gateway needs device ids",
    Effect.gen(function* () {
      const { post } = yield* phone
      const headers = { ENSAPIToken: "the token of a tenant with a gateway" }
      yield* makeToken(headers.ENSAPIToken, "gated", true)
      yield* LOOKED_AGAIN
      const key = yield* post("getpublickey", { userId: USER_ID }, headers)
      const body = yield* registration(key.json["publicKey"])
      const got = yield* post("registerdevicev2", body, headers)
      expect([got.json["responseCode"], got.json["errorMessage"]]).toEqual([
        32,
        expect.stringContaining("deviceId")
      ])
      expect(
        (yield* post("registerdevicev2", { ...body, deviceId: "d" }, headers)).json["responseCode"]
      ).toBe(7)
    })
  )

  scoped(
    "14 with a time to come back, when the actor needs longer than a device waits",
    Effect.gen(function* () {
      const { register, script } = yield* phone
      script.reply("Register", Effect.never)
      const waiting = yield* Effect.fork(register())
      while (script.requests.length === 0) yield* realPause
      yield* TestClock.adjust("27 seconds")
      expect(waiting.unsafePoll()).toBe(null)
      yield* TestClock.adjust("1 second")
      const got = yield* waiting
      expect([got.status, got.json["responseCode"], got.json["retryAfterSeconds"]]).toEqual([409, 14, 60])
    })
  )

  scoped(
    "8, 14, 15, 6 and 17 come from the actor as they are",
    Effect.gen(function* () {
      const { register, script } = yield* phone
      for (const [name, code, status] of [
        ["ErrorSubscribeOrUpdateDb", 8, 500],
        ["SubscribeAgain", 14, 409],
        ["UserSubscribedNotUpdatedInDb", 15, 500],
        ["UserAlreadySubscribed", 6, 200],
        ["Success", 17, 200]
      ] as const) {
        script.reply("Register", Effect.succeed({ code: name, message: status === 200 ? "" : "why" }))
        const got = yield* register()
        expect([got.status, got.json["responseCode"]], name).toEqual([status, code])
        expect(got.json["errorMessage"], name).toBe(status === 200 ? "" : "why")
        expect(got.headers.has("retry-after"), name).toBe(status !== 200)
      }
    })
  )

  it.scoped(
    "writes no secret and no address into the log, and one activity id into all lines of a request",
    () => {
      const lines: Array<Line> = []
      return Effect.gen(function* () {
        const { register, script } = yield* phone
        lines.length = 0
        yield* register({ forceSubscription: true })
        yield* register({}, { emailAddress: "bob@example.com" })
        const all = JSON.stringify(lines)
        for (const secret of ["s3cret-word", "ann@", "bob@", "token-1", "a token of"]) {
          expect(all.toLowerCase(), secret).not.toContain(secret)
        }
        const first = (script.requests[0]!.request as Register).activityId
        const ids = lines.map((line) => line.annotations["activityId"])
        expect(new Set(ids).size).toBe(2)
        expect(ids[0]).toBe(first)
        expect(lines.map((line) => line.text)).toEqual([
          "ForceSubscription : [True]",
          "registerdevicev2 request processed. HttpStatusCode:[OK] ResponseCode:[UserSubscribed]",
          "registration payload refused: emailAddress",
          "registerdevicev2 request processed. HttpStatusCode:[BadRequest] ResponseCode:[InvalidDecryptedPayload]"
        ])
        for (const line of lines)
          expect(line.annotations).toMatchObject({ userId: USER_ID, logger: "DeviceApi.registerdevicev2" })
      }).pipe(Effect.provide(layer({}, lines)))
    }
  )
})
