import { constants, generateKeyPairSync, type KeyObject, privateDecrypt } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import {
  type DeviceOptions,
  encryptPayload,
  makeDevice,
  renderShown,
  show
} from "../../../src/sandbox/Device.ts"
import { listen, readBody, sendJson } from "../../../src/sandbox/Listener.ts"

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
const PUBLIC_KEY = publicKey.export({ format: "der", type: "spki" }).toString("base64")

const decrypt = (payload: string, key: KeyObject = privateKey): Record<string, unknown> => {
  const bytes = Buffer.from(payload, "base64")
  const blocks: Array<Buffer> = []
  for (let start = 0; start < bytes.length; start += 256)
    blocks.push(
      privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, bytes.subarray(start, start + 256))
    )
  return JSON.parse(Buffer.concat(blocks).toString("utf8"))
}

interface Seen {
  readonly path: string
  readonly token: string | undefined
  readonly body: Record<string, unknown>
}

/** Answers each endpoint from `script`, in turn; the last answer stays. */
const scripted = (script: Record<string, ReadonlyArray<readonly [number, Record<string, unknown>]>>) =>
  Effect.gen(function* () {
    const seen: Array<Seen> = []
    const listener = yield* listen({}, (incoming, outgoing) => {
      void readBody(incoming, 1024 * 1024).then((text) => {
        const path = incoming.url ?? ""
        const endpoint = path.split("/").at(-1) ?? ""
        const turn = seen.filter((one) => one.path === path).length
        seen.push({
          path,
          token: incoming.headers["ensapitoken"]?.toString(),
          body: text === "" || text === undefined ? {} : JSON.parse(text)
        })
        if (endpoint === "alive") return void outgoing.end("<string>is alive</string>")
        const answers = script[endpoint] ?? []
        const [status, body] = answers[Math.min(turn, answers.length - 1)] ?? [404, { responseCode: 4 }]
        sendJson(outgoing, status, { errorMessage: "", version: "1.0.0", environmentType: "OnPrem", ...body })
      })
    })
    return { seen, baseUrl: `${listener.url}/api/ens` }
  })

const KEY = [200, { responseCode: 3, publicKey: PUBLIC_KEY }] as const
const OPTIONS: Omit<DeviceOptions, "baseUrl"> = {
  apiToken: "api-token",
  address: "Alice@Corp.example",
  login: { username: "alice", password: "s3cret" },
  platform: "iOS",
  deviceToken: "token-1"
}
// printf %s alice@corp.example | sha256sum
const ALICE_ID = "169009fb11749df0226aeb61a0cd0400d755d74713162ba905c56eb903555d99"

describe("the device stand-in", () => {
  it.scopedLive("fetches the key once, and registers with an encrypted log-in", () =>
    Effect.gen(function* () {
      const { seen, baseUrl } = yield* scripted({
        getpublickey: [KEY],
        registerdevicev2: [[200, { responseCode: 7, subscriptionId: "sub" }]]
      })
      const device = yield* makeDevice({ ...OPTIONS, baseUrl, policy: 2, ewsUrl: "https://mail/EWS" })
      const answer = yield* device.register()
      yield* device.register({ forceSubscription: true, payload: { issuedAt: "2026-01-01T00:00:00Z" } })
      expect(answer).toMatchObject({ status: 200, responseCode: 7, subscriptionId: "sub" })
      expect(seen.map((one) => one.path)).toEqual([
        "/api/ens/getpublickey",
        "/api/ens/registerdevicev2",
        "/api/ens/registerdevicev2"
      ])
      expect(seen.every((one) => one.token === "api-token")).toBe(true)
      const [key, first, second] = seen.map((one) => one.body)
      expect(key).toEqual({ userId: ALICE_ID })
      expect(first).toMatchObject({
        userId: device.userId,
        deviceToken: "token-1",
        deviceType: "iOS",
        bundleId: "com.boxer.email",
        authType: "Basic",
        ewsUrl: "https://mail/EWS",
        policyLimitNotificationText: 2
      })
      expect(first).not.toHaveProperty("forceSubscription")
      const { issuedAt, ...rest } = decrypt(String(first?.["payload"]))
      expect(Math.abs(Date.now() - Date.parse(String(issuedAt)))).toBeLessThan(60_000)
      // In front of the log-in, so that no block has the log-in alone.
      expect(Object.entries(rest)).toEqual([
        ["deviceToken", "token-1"],
        ["emailAddress", "Alice@Corp.example"],
        ["username", "alice"],
        ["password", "s3cret"]
      ])
      expect(second).toMatchObject({ forceSubscription: true })
      expect(decrypt(String(second?.["payload"]))).toMatchObject({ issuedAt: "2026-01-01T00:00:00Z" })
    })
  )

  it.scopedLive("gets the key anew when the payload could not be decrypted, and gives up after that", () =>
    Effect.gen(function* () {
      const { seen, baseUrl } = yield* scripted({
        getpublickey: [KEY],
        registerdevicev2: [[400, { responseCode: 34 }]]
      })
      const device = yield* makeDevice({ ...OPTIONS, baseUrl })
      expect((yield* device.register()).responseCode).toBe(34)
      expect(seen.map((one) => one.path.split("/").at(-1))).toEqual([
        "getpublickey",
        "registerdevicev2",
        "getpublickey",
        "registerdevicev2"
      ])
    })
  )

  it.scopedLive("asks for its state, renews its token when the service took it, and unregisters", () =>
    Effect.gen(function* () {
      const { seen, baseUrl } = yield* scripted({
        getsubscriptionstatus: [[200, { responseCode: 6, state: "Active", lastHeartbeat: null }]],
        updatedevicetoken: [
          [404, { responseCode: 5 }],
          [200, { responseCode: 3 }]
        ],
        unregister: [[200, { responseCode: 24 }]]
      })
      const device = yield* makeDevice({ ...OPTIONS, baseUrl })
      expect(yield* device.status).toMatchObject({ responseCode: 6, state: "Active", lastHeartbeat: null })
      yield* device.updateToken("token-2")
      expect(device.token()).toBe("token-1")
      yield* device.updateToken("token-2")
      expect(device.token()).toBe("token-2")
      expect((yield* device.unregister).responseCode).toBe(24)
      expect(seen.at(-1)?.body).toEqual({ userId: device.userId, deviceToken: "token-2" })
      expect(yield* device.alive).toContain("is alive")
    })
  )

  it.scopedLive("fails by name when nobody answers, or somebody else does", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* scripted({})
      const lost = yield* makeDevice({ ...OPTIONS, baseUrl: "http://127.0.0.1:9" })
      expect((yield* Effect.flip(lost.getPublicKey)).reason).toContain("ECONNREFUSED")
      const foreign = yield* makeDevice({ ...OPTIONS, baseUrl: baseUrl.replace("/api/ens", "") })
      expect(yield* foreign.post("nothing", {})).toMatchObject({ status: 404, responseCode: 4 })
      const page = yield* listen({}, (_, outgoing) => outgoing.end("<html>"))
      const lured = yield* makeDevice({ ...OPTIONS, baseUrl: page.url })
      expect((yield* Effect.flip(lured.status)).reason).toBe("HTTP 200 without the API's envelope")
    })
  )

  it.scopedLive("registers anew when a silent push asks for it, with the log-in of now", () =>
    Effect.gen(function* () {
      const { seen, baseUrl } = yield* scripted({
        getpublickey: [KEY],
        registerdevicev2: [[200, { responseCode: 7 }]]
      })
      const push = {
        aps: { "content-available": 1 },
        ens: { action: "resubscribe", userId: ALICE_ID, reason: "credentials" }
      }
      const stubborn = yield* makeDevice({ ...OPTIONS, baseUrl, registersAgain: false })
      expect((yield* stubborn.receive(push)).kind).toBe("silent")
      expect(seen).toEqual([])
      const device = yield* makeDevice({ ...OPTIONS, baseUrl })
      yield* device.setLogin({ accessToken: "jwt" })
      expect(yield* device.receive(push)).toMatchObject({ kind: "silent", reason: "credentials" })
      expect(seen.at(-1)?.body).toMatchObject({ authType: "OAuth" })
      expect(decrypt(String(seen.at(-1)?.body["payload"]))).toMatchObject({ accessToken: "jwt" })
    })
  )

  it.scopedLive.each([
    [{ username: "CORP\\alice", password: "p" }, "Basic"],
    [{ username: "alice", domain: "CORP", password: "p" }, "Basic"],
    [{ accessToken: "jwt", accessTokenExpiresAt: "2026-01-01T00:00:00Z" }, "OAuth"],
    [{ certificate: "MIIK", certificatePassword: "p12" }, "Certificate"],
    [{ certificate: "MIIK", certificatePassword: "p12", username: "alice", password: "p" }, "Dual"],
    [{ certificate: "MIIK", certificatePassword: "p12", accessToken: "jwt" }, "Dual"]
  ] as const)("names the kind of its log-in (%j: %s), and its UEM id", ([login, authType]) =>
    Effect.gen(function* () {
      const { seen, baseUrl } = yield* scripted({
        getpublickey: [KEY],
        registerdevicev2: [[200, { responseCode: 7 }]]
      })
      const device = yield* makeDevice({ ...OPTIONS, baseUrl, login, deviceId: "uem-1" })
      yield* device.register()
      expect(seen.at(-1)?.body).toMatchObject({ authType, deviceId: "uem-1" })
      expect(decrypt(String(seen.at(-1)?.body["payload"]))).toEqual({
        deviceToken: "token-1",
        issuedAt: expect.any(String),
        emailAddress: OPTIONS.address,
        ...login
      })
    })
  )

  it.effect("keeps the badge of its icon until another one comes", () =>
    Effect.gen(function* () {
      const device = yield* makeDevice({ ...OPTIONS, baseUrl: "http://127.0.0.1:9" })
      yield* device.receive({ aps: { badge: 4 }, ens: { action: "badge" } })
      yield* device.receive({ aps: { alert: { body: "New message" } }, ens: { action: "newMail" } })
      expect(device.badge()).toBe(4)
      yield* device.receive({ aps: { badge: 0 }, ens: { action: "badge" } })
      expect(device.badge()).toBe(0)
    })
  )
})

describe("the payload", () => {
  it("is cut into blocks at byte borders, whatever the length and the script", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 800 }), (password) => {
        const payload = encryptPayload(PUBLIC_KEY, { emailAddress: "a@b.c", password })
        expect(Buffer.from(payload, "base64").length % 256).toBe(0)
        expect(decrypt(payload)).toEqual({ emailAddress: "a@b.c", password })
      }),
      { numRuns: 25 }
    )
  })
})

describe("the screen", () => {
  it("shows an iOS alert with sender, subject, preview and badge", () => {
    const shown = show("iOS", {
      aps: { alert: { title: "Bob", subtitle: "Lunch?", body: "At noon" }, badge: 2, sound: "default" },
      ens: { action: "newMail", messageId: "A=" }
    })
    expect(renderShown(shown)).toBe("Bob | Lunch? | At noon  [badge 2]")
    expect(shown).toMatchObject({ kind: "alert", sound: "default", itemIds: ["A="] })
  })

  it("shows Android data, and a summary's ids as JSON or with commas", () => {
    const data = { action: "newMail", userId: ALICE_ID, body: "7 new messages", count: "7" }
    expect(renderShown(show("Android", data))).toBe("7 new messages")
    expect(show("Android", { ...data, messageIds: '["a","b"]' }).itemIds).toEqual(["a", "b"])
    expect(show("Android", { ...data, messageIds: "a,b" }).itemIds).toEqual(["a", "b"])
    expect(show("Android", { ...data, messageIds: "[broken" }).itemIds).toEqual([])
  })

  it("tells badge, silent and meaningless notifications apart", () => {
    expect(renderShown(show("iOS", { aps: { badge: 0 }, ens: { action: "badge" } }))).toBe("[badge 0]")
    const silent = { action: "resubscribe", reason: "overdue" }
    expect(renderShown(show("Android", silent))).toBe("(silent: resubscribe, overdue)")
    expect(renderShown(show("iOS", { aps: { "content-available": 1 }, ens: silent }))).toBe(
      "(silent: resubscribe, overdue)"
    )
    for (const nonsense of [undefined, null, 7, "x", [], { aps: 1 }, {}]) {
      expect(show("iOS", nonsense).kind).toBe("nothing")
      expect(show("Android", nonsense).kind).toBe("nothing")
    }
  })
})
