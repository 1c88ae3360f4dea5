import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { type ApnsResponse, readReply } from "../../../layers/push/ApnsReply.ts"
import { notification } from "../../support/Notifications.ts"

const REGISTERED = 1_700_000_000_000
const target = { ...notification(1).target, registeredAt: REGISTERED }

const reply = (status: number, body: unknown = "", retryAfter?: string) =>
  readReply({ status, retryAfter, body: typeof body === "string" ? body : JSON.stringify(body) }, target, 0)

describe("APNs' answer", () => {
  const cases: ReadonlyArray<readonly [number, string | undefined, string]> = [
    [200, undefined, "Delivered"],
    [400, "BadDeviceToken", "TokenRefused"],
    [400, "DeviceTokenNotForTopic", "TokenRefused"],
    [400, "BadCollapseId", "Rejected"],
    [400, "PayloadEmpty", "Rejected"],
    [400, "TopicDisallowed", "AppDown"],
    [403, "InvalidProviderToken", "AppDown"],
    [403, "ExpiredProviderToken", "AppDown"],
    [403, "SomethingNew", "AppDown"],
    [404, "BadPath", "Rejected"],
    [405, "MethodNotAllowed", "GatewayDown"],
    [410, "Unregistered", "TokenDead"],
    [410, "ExpiredToken", "TokenDead"],
    [410, "SomethingNew", "GatewayDown"],
    [413, "PayloadTooLarge", "Rejected"],
    [429, "TooManyRequests", "RetryLater"],
    [429, "TooManyProviderTokenUpdates", "RetryLater"],
    [500, "InternalServerError", "GatewayDown"],
    [503, "ServiceUnavailable", "GatewayDown"],
    [503, "Shutdown", "GatewayDown"],
    [502, undefined, "GatewayDown"]
  ]
  for (const [status, reason, expected] of cases)
    it(`${status} ${reason ?? ""}: ${expected}`, () => {
      expect(reply(status, reason === undefined ? "" : { reason })._tag).toBe(expected)
    })

  it("that is not APNs' own is no reason to give a mail or a device up", () => {
    for (const status of [200, 301, 400, 403, 404, 410, 413, 429])
      for (const body of ["<html>no</html>", "[]", "null", '{"reason":7}', '{"reason":"no token-1 here"}'])
        expect(reply(status, body)._tag).toBe("GatewayDown")
    for (const status of [400, 404, 410, 413, 429]) expect(reply(status)._tag).toBe("GatewayDown")
  })
})

describe("a dead token", () => {
  const since = (timestamp: number | undefined) => reply(410, { reason: "Unregistered", timestamp })
  it("is dead since the time that APNs names", () => {
    expect(since(REGISTERED)).toEqual({ _tag: "TokenDead", since: REGISTERED })
    expect(since(undefined)).toEqual({ _tag: "TokenDead", since: undefined })
  })
  it("is tried again if it was registered after that", () => {
    expect(since(REGISTERED - 1)).toEqual({ _tag: "RetryLater", after: 0 })
  })
})

describe("Retry-After", () => {
  it("is for one device when that gets too many, else for everyone", () => {
    expect(reply(429, { reason: "TooManyRequests" }, "7")).toEqual({ _tag: "RetryLater", after: 7_000 })
    expect(reply(429, { reason: "TooManyRequests" })).toEqual({ _tag: "RetryLater", after: 0 })
    for (const status of [429, 500, 503])
      expect(reply(status, { reason: "X" }, "7")).toEqual({
        _tag: "RetryLater",
        after: 7_000,
        everyone: true
      })
  })
  it("is a minute when tokens changed too often and no time is named", () => {
    expect(reply(429, { reason: "TooManyProviderTokenUpdates" })).toEqual({
      _tag: "RetryLater",
      after: 60_000,
      everyone: true
    })
  })
})

describe("any answer", () => {
  it("is understood without a crash, and kills a token only in APNs' own words", () => {
    const response = FastCheck.record({
      status: FastCheck.integer({ min: 100, max: 599 }),
      retryAfter: FastCheck.option(FastCheck.string(), { nil: undefined }),
      body: FastCheck.oneof(
        FastCheck.string(),
        FastCheck.json(),
        FastCheck.record({ reason: FastCheck.constant("Lunch with Zoë") }).map((it) => JSON.stringify(it))
      )
    })
    FastCheck.assert(
      FastCheck.property(response, (it: ApnsResponse) => {
        const result = readReply(it, target, 0)
        expect(result._tag).not.toMatch(/Token/)
        expect(JSON.stringify(result)).not.toContain("Lunch")
      })
    )
  })
})
