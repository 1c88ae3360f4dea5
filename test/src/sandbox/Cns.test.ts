import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type CnsOptions, type CnsStandIn, makeCns } from "../../../src/sandbox/Cns.ts"

const USER = "a".repeat(64)
const IOS = {
  id: "1-a",
  deviceToken: "token-i",
  deviceType: "iOS",
  bundleId: "com.boxer.email",
  priority: "high",
  payload: {
    aps: { alert: { title: "Bob", subtitle: "Lunch?" }, badge: 3, sound: "default", "mutable-content": 1 },
    ens: { action: "newMail", userId: USER, messageId: "AAMk=" }
  }
}
const ANDROID = {
  id: "2-a",
  deviceToken: "token-a",
  deviceType: "Android",
  bundleId: "com.boxer.email",
  priority: "high",
  payload: { action: "newMail", userId: USER, messageId: "AAMk=", title: "Bob" }
}

const post = (cns: CnsStandIn, body: unknown, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    try {
      const response = await fetch(cns.url, {
        method: "POST",
        headers,
        body: typeof body === "string" ? body : JSON.stringify(body)
      })
      const text = await response.text()
      return { status: response.status, retryAfter: response.headers.get("retry-after"), text }
    } catch {
      return { status: 0, retryAfter: null, text: "" }
    }
  })

const both = { notifications: [IOS, ANDROID] }
const tokens = (cns: CnsStandIn) => cns.received().map((one) => one.deviceToken)

describe("the CNS stand-in", () => {
  it.scopedLive("takes a batch, answers for each notification and keeps it", () =>
    Effect.gen(function* () {
      const cns = yield* makeCns()
      const heard: Array<string> = []
      cns.onNotification((taken) => heard.push(taken.id))
      const answer = yield* post(cns, both)
      expect(answer.status).toBe(200)
      expect(JSON.parse(answer.text)).toEqual({
        status: "success",
        errorReason: null,
        results: [
          { id: "1-a", status: "success", reason: null },
          { id: "2-a", status: "success", reason: null }
        ]
      })
      expect(cns.received()).toMatchObject([IOS, ANDROID])
      expect(heard).toEqual(["1-a", "2-a"])
      expect(new URL(cns.url).pathname).toBe("/nws/notify/apns")
    })
  )

  it.scopedLive("refuses a body that is not exactly the contract's, and keeps nothing of it", () =>
    Effect.gen(function* () {
      const cns = yield* makeCns()
      const broken: ReadonlyArray<unknown> = [
        "not JSON",
        {},
        { notifications: [] },
        { notifications: [IOS], extra: 1 },
        { notifications: [{ ...IOS, extra: 1 }] },
        { notifications: [{ ...IOS, priority: "urgent" }] },
        { notifications: [{ ...IOS, deviceType: "Windows" }] },
        { notifications: [{ ...IOS, id: "x".repeat(65) }] },
        { notifications: [{ ...IOS, deviceToken: "" }] },
        { notifications: [{ ...IOS, payload: ANDROID.payload }] },
        { notifications: [{ ...IOS, payload: { ...IOS.payload, aps: { ...IOS.payload.aps, badge: -1 } } }] },
        { notifications: [ANDROID, { ...ANDROID, payload: { ...ANDROID.payload, count: 3 } }] },
        { notifications: [{ ...ANDROID, payload: { ...ANDROID.payload, action: "badge" } }] }
      ]
      for (const body of broken) {
        const answer = yield* post(cns, body)
        expect([JSON.stringify(body), answer.status]).toEqual([JSON.stringify(body), 400])
        expect(JSON.parse(answer.text).status).toBe("failed")
      }
      expect(cns.received()).toEqual([])
      expect(cns.requests()).toHaveLength(broken.length)
    })
  )

  it.scopedLive("rejects or defers single notifications by script, and those that are too long", () =>
    Effect.gen(function* () {
      const cns = yield* makeCns()
      yield* cns.addFault({ kind: "reject", deviceToken: "token-i", reason: "BadDeviceToken", times: 1 })
      yield* cns.addFault({ kind: "retry", id: "2-a", retryAfter: 7, times: 1 })
      const long = { ...ANDROID, id: "3", payload: { ...ANDROID.payload, body: "x".repeat(4096) } }
      const answer = yield* post(cns, { notifications: [IOS, ANDROID, long] })
      expect(JSON.parse(answer.text).results).toEqual([
        { id: "1-a", status: "error", reason: "BadDeviceToken" },
        { id: "2-a", status: "retry", reason: "busy", retryAfter: 7 },
        { id: "3", status: "error", reason: "PayloadTooLarge" }
      ])
      expect(cns.received()).toEqual([])
      yield* post(cns, both)
      expect(tokens(cns)).toEqual(["token-i", "token-a"])
    })
  )

  it.scopedLive("with one status for the batch refuses all of it because of one", () =>
    Effect.gen(function* () {
      const cns = yield* makeCns({ results: false })
      yield* cns.addFault({ kind: "reject", deviceToken: "token-a", reason: "bad" })
      expect(JSON.parse((yield* post(cns, both)).text)).toEqual({ status: "failed", errorReason: "bad" })
      expect(cns.received()).toEqual([])
      const answer = yield* post(cns, { notifications: [IOS] })
      expect(JSON.parse(answer.text)).toEqual({ status: "success", errorReason: null })
      expect(tokens(cns)).toEqual(["token-i"])
    })
  )

  it.scopedLive("fails as a whole by script, as often as scripted", () =>
    Effect.gen(function* () {
      const cns = yield* makeCns()
      yield* cns.addFault({ kind: "status", status: 503, retryAfter: "2", times: 1 })
      yield* cns.addFault({ kind: "unauthorized", times: 1 })
      yield* cns.addFault({ kind: "malformed", times: 1 })
      yield* cns.addFault({ kind: "cut", times: 1 })
      expect(yield* post(cns, both)).toMatchObject({ status: 503, retryAfter: "2" })
      const unauthorized = yield* post(cns, both)
      expect([unauthorized.status, JSON.parse(unauthorized.text).code]).toEqual([401, 2007])
      const malformed = yield* post(cns, both)
      expect(malformed.status).toBe(200)
      expect(cns.received()).toEqual([])
      expect((yield* post(cns, both)).status).toBe(0)
      // Cut after the work was done: they count.
      expect(tokens(cns)).toEqual(["token-i", "token-a"])
      expect((yield* post(cns, both)).status).toBe(200)
      expect(cns.requests().map((one) => one.status)).toEqual([503, 401, 200, 0, 200])
    })
  )

  it.scopedLive("can be down, and up again on the same port", () =>
    Effect.gen(function* () {
      const cns = yield* makeCns()
      yield* cns.down
      expect((yield* post(cns, both)).status).toBe(0)
      yield* cns.up
      expect((yield* post(cns, both)).status).toBe(200)
    })
  )

  it.scopedLive("can insist on a signature, and on paths, methods and its own limits", () =>
    Effect.gen(function* () {
      const options: CnsOptions = { requireSignature: true, maxBatch: 1 }
      const cns = yield* makeCns(options)
      const one = { notifications: [IOS] }
      expect((yield* post(cns, one)).status).toBe(401)
      expect((yield* post(cns, one, { authorization: "CMSURL'1 AAAA" })).status).toBe(200)
      expect((yield* post(cns, both, { authorization: "CMSURL'1 AAAA" })).status).toBe(400)
      expect(cns.requests().map((seen) => seen.signed)).toEqual([false, true, true])
      const statusOf = (url: string) => Effect.promise(() => fetch(url).then((response) => response.status))
      expect(yield* statusOf(cns.url)).toBe(405)
      expect(yield* statusOf(`${cns.url}/x`)).toBe(404)
    })
  )

  it.scopedLive("obeys its control interface", () =>
    Effect.gen(function* () {
      const cns = yield* makeCns()
      const fault = (body: unknown) =>
        Effect.promise(() =>
          fetch(`${cns.controlUrl}/faults`, { method: "POST", body: JSON.stringify(body) }).then(
            (response) => response.status
          )
        )
      expect(yield* fault({ kind: "rain" })).toBe(400)
      expect(yield* fault({ kind: "status", status: 500 })).toBe(200)
      expect((yield* post(cns, both)).status).toBe(500)
      expect(yield* fault({ kind: "clear" })).toBe(200)
      expect((yield* post(cns, both)).status).toBe(200)
    })
  )
})
