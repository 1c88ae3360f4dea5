import { createPublicKey } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { Unavailable } from "../../../actors/Subscriptions.ts"
import { hashApiToken } from "../../../layers/crypto/ApiTokenSecret.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { userIdOfAddress } from "../../../schemas/Ids.ts"
import { Intake } from "../../../src/http/Intake.ts"
import { version } from "../../../src/Instance.ts"
import {
  ADDRESS,
  type Line,
  layer,
  makeToken,
  open,
  TOKEN,
  USER_ID,
  userNumber
} from "../../support/DeviceApiFixture.ts"
import { SubscriptionScript } from "../../support/FakeSubscriptions.ts"
import { StorageFaults } from "../../support/FaultyStorage.ts"

const ENDPOINTS = [
  "getpublickey",
  "registerdevicev2",
  "getsubscriptionstatus",
  "updatedevicetoken",
  "unregister"
]
/** Good for every endpoint. */
const BODY = {
  userId: USER_ID,
  deviceToken: "t",
  oldDeviceToken: "t",
  newDeviceToken: "u",
  deviceType: "iOS",
  bundleId: "b",
  authType: "Basic",
  payload: "AAAA"
}

describe("the device API", () => {
  const scoped = <E>(name: string, body: () => Effect.Effect<void, E, Services>) =>
    it.scoped(name, () => Effect.provide(Effect.suspend(body), layer()))
  type Services = Effect.Effect.Context<typeof open> | StorageFaults | SubscriptionScript | Storage

  scoped(
    "answers every endpoint with the envelope, on all base paths, whatever their case and trailing slash",
    () =>
      Effect.gen(function* () {
        const { post } = yield* open
        yield* makeToken()
        const script = yield* SubscriptionScript
        for (const kind of ["GetStatus", "UpdateDeviceToken", "Unregister"] as const) {
          script.reply(kind, Effect.succeed({ code: "Success", message: "" }))
        }
        for (const base of ["/api/ens", "/API/ENS", "/mailnotificationservice/API/ens", "//api//ens"]) {
          for (const endpoint of ENDPOINTS) {
            for (const path of [`${base}/${endpoint}`, `${base}/${endpoint.toUpperCase()}/`]) {
              const got = yield* post(path, BODY)
              expect(got.status, path).not.toBe(404)
              expect(got.headers.get("content-type"), path).toBe("application/json")
              expect(got.json, path).toMatchObject({
                responseCode: expect.any(Number),
                errorMessage: expect.any(String),
                version,
                environmentType: "OnPrem"
              })
            }
          }
        }
      })
  )

  scoped("23: refuses a missing, unknown or revoked token before it looks at the request", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      const { id } = yield* makeToken()
      for (const endpoint of ENDPOINTS) {
        for (const headers of [{}, { ENSAPIToken: "" }, { ENSAPIToken: "wrong" }]) {
          yield* TestClock.adjust("1 seconds")
          const got = yield* post(endpoint, "{not json", headers as Record<string, string>)
          expect([got.status, got.json["responseCode"]], endpoint).toEqual([401, 23])
          expect(got.json["errorMessage"]).toContain("ENSAPIToken")
        }
      }
      expect((yield* post("getpublickey", BODY)).status).toBe(200)
      const storage = yield* Storage
      yield* storage.revokeToken(id)
      yield* TestClock.adjust("61 seconds")
      expect((yield* post("getpublickey", BODY)).json["responseCode"]).toBe(23)
    })
  )

  it.scoped("writes one line about a refused token, and none of it but its ends", () => {
    const lines: Array<Line> = []
    return Effect.gen(function* () {
      const { post } = yield* open
      const said = Effect.fnUntraced(function* (headers: Record<string, string>) {
        lines.length = 0
        yield* post("getpublickey", BODY, headers)
        return lines.filter(({ level }) => level !== "DEBUG")
      })
      const [unknown, ...more] = yield* said({ ENSAPIToken: "ens_0123456789abcdefghij" })
      expect(more).toEqual([])
      expect(unknown).toMatchObject({
        level: "WARN",
        text: "getpublickey request processed. HttpStatusCode:[Unauthorized] ResponseCode:[UnauthorizedRequest]",
        annotations: { reason: "API token : [ens_0*****fghij] is unknown" }
      })
      expect(yield* said({})).toMatchObject([{ level: "WARN", annotations: { reason: "no API token" } }])
    }).pipe(Effect.provide(layer({}, lines)))
  })

  scoped("8: while storage cannot say whose the token is; known tokens go on", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      const faults = yield* StorageFaults
      faults.down(true)
      const got = yield* post("getsubscriptionstatus", BODY)
      expect([got.status, got.json["responseCode"]]).toEqual([500, 8])
      expect(got.headers.get("retry-after")).toBe(String(got.json["retryAfterSeconds"]))
      faults.down(false)
      yield* TestClock.adjust("20 seconds")
      expect((yield* post("getpublickey", BODY)).status).toBe(200)
      faults.down(true)
      yield* TestClock.adjust("1 hour")
      expect((yield* post("getpublickey", BODY)).json["responseCode"]).not.toBe(23)
    })
  )

  scoped("32: names what is wrong with a request", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      const wrong = [
        ["getpublickey", "{not json", "the body must be JSON"],
        ["getpublickey", "", "the body must be JSON"],
        ["getpublickey", `{"userId":"x","userId":"${USER_ID}"}`, "no key may be given twice"],
        ["getpublickey", `{"user\\u0049d":"x","userId":"${USER_ID}"}`, "no key may be given twice"],
        ["getpublickey", "[]", "the body must be a JSON object"],
        ["getpublickey", "null", "the body must be a JSON object"],
        ["getpublickey", '"text"', "the body must be a JSON object"],
        ["getpublickey", {}, "userId is missing"],
        ["getpublickey", { userId: null }, "userId is missing"],
        ["getpublickey", { userId: 5 }, "userId has the wrong type"],
        ["getpublickey", { userId: "abc" }, "userId must be 64 hexadecimal digits"],
        ["getpublickey", { userId: `${USER_ID} ` }, "userId must be 64 hexadecimal digits"],
        ["getsubscriptionstatus", { userId: USER_ID, deviceToken: {} }, "deviceToken has the wrong type"],
        ["updatedevicetoken", { userId: USER_ID, oldDeviceToken: "a" }, "newDeviceToken is missing"],
        ["unregister", { userId: USER_ID }, "deviceToken is missing"],
        ["unregister", { ...BODY, ewsUrl: "mail.example.com" }, "ewsUrl must be an http or https URL"],
        ["registerdevicev2", { ...BODY, deviceType: "Windows" }, "deviceType must be one of iOS, Android"],
        [
          "registerdevicev2",
          { ...BODY, deviceToken: "x".repeat(4097) },
          "deviceToken must have at most 4096"
        ],
        ["registerdevicev2", { ...BODY, deviceId: "a,b" }, "deviceId must be"],
        ["registerdevicev2", { ...BODY, bundleId: "a\nb" }, "bundleId must not have control characters"],
        ["registerdevicev2", { ...BODY, authType: true }, "authType has the wrong type"],
        ["registerdevicev2", { ...BODY, payload: ["AAAA"] }, "payload has the wrong type"],
        [
          "registerdevicev2",
          { ...BODY, ewsUrl: "javascript:alert(1)" },
          "ewsUrl must be an http or https URL"
        ],
        ["registerdevicev2", { ...BODY, ewsUrl: "https://u:p@mail.example.com/" }, "ewsUrl must be"],
        ["registerdevicev2", { ...BODY, exchangeVersion: "Exchange95" }, "exchangeVersion must be"],
        ["registerdevicev2", { ...BODY, exchangeVersion: 99 }, "exchangeVersion must be"],
        [
          "registerdevicev2",
          { ...BODY, policyLimitNotificationText: 5 },
          "policyLimitNotificationText must be"
        ],
        [
          "registerdevicev2",
          { ...BODY, forceSubscription: "maybe" },
          "forceSubscription must be true or false"
        ],
        ["registerdevicev2", { ...BODY, pushEnvironment: "test" }, "pushEnvironment must be one of"]
      ] as const
      for (const [endpoint, body, message] of wrong) {
        const got = yield* post(endpoint, body)
        const what = `${endpoint} ${JSON.stringify(body).slice(0, 200)}`
        expect([got.status, got.json["responseCode"]], what).toEqual([400, 32])
        expect(got.json["errorMessage"], what).toContain(message)
      }
      const script = yield* SubscriptionScript
      expect(script.requests).toEqual([])
    })
  )

  scoped("reads keys in any case, an upper-case user id, and bodies of any Content-Type", () =>
    Effect.gen(function* () {
      const { post, send } = yield* open
      yield* makeToken()
      const odd = yield* post("getpublickey", { USERID: USER_ID.toUpperCase(), Unknown: { a: 1 } })
      expect([odd.status, odd.json["responseCode"]]).toEqual([200, 3])
      for (const type of ["text/plain", "application/xml", "application/json; charset=utf-8", undefined]) {
        const got = yield* send("/api/ens/getpublickey", {
          method: "POST",
          headers: { ensapitoken: TOKEN, ...(type === undefined ? {} : { "content-type": type }) },
          // Bytes, because a text would bring a Content-Type along.
          body: new TextEncoder().encode(`\uFEFF{"userId":"${USER_ID}"}`)
        })
        expect(got.json["publicKey"], type).toBe(odd.json["publicKey"])
      }
    })
  )

  scoped("32 for bytes that are no UTF-8", () =>
    Effect.gen(function* () {
      const { send } = yield* open
      yield* makeToken()
      // In a field that nobody reads, and that would else pass.
      const body = Buffer.concat([
        Buffer.from(`{"userId":"${USER_ID}","x":"`),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}')
      ])
      const got = yield* send("/api/ens/getpublickey", {
        method: "POST",
        headers: { ENSAPIToken: TOKEN },
        body
      })
      expect(got.json["responseCode"]).toBe(32)
    })
  )

  scoped("32 for a body that does not arrive in time", () =>
    Effect.gen(function* () {
      const { post, send } = yield* open
      yield* makeToken()
      yield* post("getpublickey", BODY)
      const asked = yield* Effect.fork(
        send("/api/ens/getpublickey", {
          method: "POST",
          headers: { ENSAPIToken: TOKEN },
          body: new ReadableStream({ start: (body) => body.enqueue(new TextEncoder().encode("{")) }),
          duplex: "half"
        } as RequestInit)
      )
      yield* Effect.promise(() => new Promise((done) => setTimeout(done, 50)))
      yield* TestClock.adjust("20 seconds")
      const got = yield* Fiber.join(asked)
      expect([got.status, got.json["errorMessage"]]).toEqual([400, "the body did not arrive in time"])
    })
  )

  scoped(
    "3: hands out an RSA-2048 public key, the same for a user, another for the same address elsewhere",
    () =>
      Effect.gen(function* () {
        const { post } = yield* open
        yield* makeToken()
        yield* makeToken("a token of another tenant", "other")
        const first = yield* post("getpublickey", { userId: USER_ID })
        expect(first.json).toEqual({
          responseCode: 3,
          errorMessage: "",
          version,
          environmentType: "OnPrem",
          publicKey: expect.any(String)
        })
        const key = createPublicKey({
          key: Buffer.from(String(first.json["publicKey"]), "base64"),
          format: "der",
          type: "spki"
        })
        expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048)
        expect((yield* post("getpublickey", { userId: USER_ID })).json["publicKey"]).toBe(
          first.json["publicKey"]
        )
        const mine = yield* userNumber
        yield* post("getpublickey", { userId: USER_ID }, { ENSAPIToken: "a token of another tenant" })
        const storage = yield* Storage
        const tenant = Option.getOrThrow(
          yield* storage.tenantOfToken(hashApiToken("a token of another tenant"))
        )
        const theirs = Option.getOrThrow(yield* storage.findUser(tenant.tenant, userIdOfAddress(ADDRESS)))
        expect(theirs.user).not.toBe(mine)
      })
  )

  scoped("8: says so when storage fails while the user is being added", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      const faults = yield* StorageFaults
      faults.failNext("createUser")
      const got = yield* post("getpublickey", BODY)
      expect([got.status, got.json["responseCode"], got.json["retryAfterSeconds"]]).toEqual([500, 8, 60])
      expect((yield* post("getpublickey", BODY)).status).toBe(200)
    })
  )

  scoped("4: storage failing elsewhere is nobody's bad input", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      const faults = yield* StorageFaults
      for (const endpoint of ["getsubscriptionstatus", "updatedevicetoken", "unregister"]) {
        faults.failNext("findUser")
        const got = yield* post(endpoint, BODY)
        expect([got.status, got.json["responseCode"]], endpoint).toEqual([500, 4])
      }
    })
  )

  scoped("28, 9: a user who is not known", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      const codes = { getsubscriptionstatus: 28, updatedevicetoken: 9, unregister: 28 }
      for (const [endpoint, code] of Object.entries(codes)) {
        const got = yield* post(endpoint, BODY)
        expect([got.status, got.json["responseCode"]], endpoint).toEqual([404, code])
        expect(got.json["errorMessage"]).not.toBe("")
        expect(got.json).not.toHaveProperty("retryAfterSeconds")
      }
    })
  )

  scoped("notes that a device asked for its status, once a day, and answers whether or not that works", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      yield* post("getpublickey", BODY)
      const storage = yield* Storage
      const faults = yield* StorageFaults
      const script = yield* SubscriptionScript
      const user = yield* userNumber
      const seen = (hoursAgo: number) =>
        storage.saveDevice(user, {
          token: "t",
          platform: "iOS",
          bundleId: "b",
          deviceId: null,
          policy: 1,
          sound: null,
          environment: "production",
          registeredAt: hoursAgo * -3_600_000
        })
      script.reply("GetStatus", Effect.succeed({ code: "UserAlreadySubscribed", message: "" }))
      const asked = Effect.gen(function* () {
        expect((yield* post("getsubscriptionstatus", { userId: USER_ID, deviceToken: "t" })).status).toBe(200)
        return (yield* storage.devices(user))[0]?.seenAt
      })
      yield* seen(23)
      expect(yield* asked).toBe(23 * -3_600_000)
      yield* seen(24)
      expect(yield* asked).toBe(0)
      expect(yield* asked).toBe(0)
      expect(faults.calls("saveSeen")).toBe(1)
      yield* seen(24)
      faults.failNext("saveSeen")
      expect(yield* asked).toBe(24 * -3_600_000)
      faults.failNext("devices")
      expect(yield* asked).toBe(24 * -3_600_000)
      // Somebody else's token, or none, is nobody's device.
      const before = faults.calls("saveSeen")
      yield* post("getsubscriptionstatus", { userId: USER_ID, deviceToken: "unknown" })
      yield* post("getsubscriptionstatus", { userId: USER_ID })
      expect(faults.calls("saveSeen")).toBe(before)
    })
  )

  scoped("hands requests to the user's actor and its replies to the device", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      yield* post("getpublickey", BODY)
      const script = yield* SubscriptionScript
      const user = yield* userNumber
      script.reply(
        "GetStatus",
        Effect.succeed({ code: "UserAlreadySubscribed", message: "", state: "Active", lastHeartbeat: 1_000 })
      )
      script.reply(
        "UpdateDeviceToken",
        Effect.succeed({ code: "TokenDoesNotExist", message: "no such device" })
      )
      script.reply("Unregister", Effect.succeed({ code: "DeviceUnregistered", message: "" }))

      const status = yield* post("getsubscriptionstatus", { userId: USER_ID, DEVICETOKEN: "t" })
      expect(status.status).toBe(200)
      expect(status.json).toMatchObject({
        responseCode: 6,
        state: "Active",
        lastHeartbeat: "1970-01-01T00:00:01.000Z"
      })
      const updated = yield* post("updatedevicetoken", BODY)
      expect([updated.status, updated.json["responseCode"]]).toEqual([404, 5])
      const gone = yield* post("unregister", { ...BODY, ewsUrl: "https://mail.example.com/" })
      expect([gone.status, gone.json["responseCode"], gone.json["errorMessage"]]).toEqual([200, 25, ""])
      expect(script.requests).toMatchObject([
        { user, request: { _tag: "GetStatus", deviceToken: "t" } },
        { user, request: { _tag: "UpdateDeviceToken", oldToken: "t", newToken: "u" } },
        { user, request: { _tag: "Unregister", deviceToken: "t", ewsUrl: "https://mail.example.com/" } }
      ])
      const ids = script.requests.map(({ request }) => request.activityId)
      expect(new Set(ids).size).toBe(3)
      expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/)
    })
  )

  scoped("a status that was never heard of has a null heartbeat", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      yield* post("getpublickey", BODY)
      const script = yield* SubscriptionScript
      const reply = {
        code: "UserRecordPresentNotSubscribed",
        message: "",
        state: "None",
        lastHeartbeat: null
      }
      script.reply("GetStatus", Effect.succeed(reply))
      const got = yield* post("getsubscriptionstatus", { userId: USER_ID })
      expect(got.json).toMatchObject({ responseCode: 29, state: "None", lastHeartbeat: null })
    })
  )

  scoped("503: an actor that cannot be reached", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      yield* post("getpublickey", BODY)
      const script = yield* SubscriptionScript
      for (const reason of ["starting", "mailbox full", "draining"] as const) {
        script.reply("GetStatus", new Unavailable({ reason }))
        const got = yield* post("getsubscriptionstatus", BODY)
        expect([got.status, got.json["responseCode"]], reason).toEqual([503, 4])
        expect(got.headers.get("retry-after")).toMatch(/^\d+$/)
      }
    })
  )

  scoped("503: an actor that does not answer within the time a device waits", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      yield* post("getpublickey", BODY)
      const script = yield* SubscriptionScript
      script.reply("Unregister", Effect.never)
      const waiting = yield* Effect.fork(post("unregister", BODY))
      // Bodies are real streams: the request reaches the actor in real time.
      while (script.requests.length === 0)
        yield* Effect.promise(() => new Promise((done) => setTimeout(done, 5)))
      yield* TestClock.adjust("29 seconds")
      expect((yield* waiting).status).toBe(503)
    })
  )

  scoped("429 of an actor keeps its status and its time", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      yield* post("getpublickey", BODY)
      const script = yield* SubscriptionScript
      const reply = { code: "UpdateFail", message: "too many", status: 429, retryAfterSeconds: 321 }
      script.reply("GetStatus", Effect.succeed(reply))
      const got = yield* post("getsubscriptionstatus", BODY)
      expect([got.status, got.headers.get("retry-after"), got.json["retryAfterSeconds"]]).toEqual([
        429,
        "321",
        321
      ])
    })
  )

  scoped("4: a bug behind the API is an envelope too, and tells nothing", () =>
    Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      yield* post("getpublickey", BODY)
      const got = yield* post("getsubscriptionstatus", BODY)
      expect([got.status, got.json["responseCode"]]).toEqual([500, 4])
      expect(got.text).not.toContain("scripted")
    })
  )

  it.scoped("a bug is logged with its place, and without its text, which may quote a mail address", () => {
    const lines: Array<Line> = []
    return Effect.gen(function* () {
      const { post } = yield* open
      yield* makeToken()
      yield* post("getpublickey", BODY)
      const script = yield* SubscriptionScript
      script.reply("GetStatus", Effect.die(new TypeError("cannot read ann@example.com of s3cret-word")))
      expect((yield* post("getsubscriptionstatus", BODY)).status).toBe(500)
      const log = JSON.stringify(lines)
      expect(log).toContain("request failed")
      expect(log).toMatch(/TypeError at .*DeviceApi\.test\.ts/)
      expect(log).not.toMatch(/ann@example\.com|s3cret-word/)
    }).pipe(Effect.provide(layer({}, lines)))
  })

  scoped("503 under pressure, with when to retry; health checks are answered", () =>
    Effect.gen(function* () {
      const { post, send } = yield* open
      yield* makeToken()
      const intake = yield* Intake
      intake.press("high")
      const got = yield* post("registerdevicev2", BODY)
      expect([got.status, got.json["responseCode"], got.json["retryAfterSeconds"]]).toEqual([503, 4, 10])
      for (const path of ["/readyz", "/healthz", "/api/ens/alive"]) {
        expect((yield* send(path)).status, path).toBe(200)
      }
      intake.press("none")
      expect((yield* post("getpublickey", BODY)).status).toBe(200)
    })
  )

  scoped("503 while draining", () =>
    Effect.gen(function* () {
      const { post, send } = yield* open
      yield* makeToken()
      yield* Effect.flatMap(Intake, (intake) => intake.close)
      const got = yield* post("getpublickey", BODY)
      expect([got.status, got.json["responseCode"]]).toEqual([503, 4])
      expect((yield* send("/readyz")).status).toBe(503)
      expect((yield* send("/healthz")).status).toBe(200)
      expect((yield* send("/api/ens/alive")).status).toBe(200)
    })
  )
})
