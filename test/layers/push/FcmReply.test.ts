import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { readReply } from "../../../layers/push/FcmReply.ts"
import * as FcmStub from "../../support/FcmStub.ts"

const reply = (act: FcmStub.FcmAct) => {
  if (typeof act === "string") throw new Error("no answer")
  const retryAfter = act.headers?.["retry-after"]
  return readReply(
    { status: act.status ?? 200, retryAfter: retryAfter as string | undefined, body: act.body },
    0
  )
}

describe("FCM's answer", () => {
  const cases: ReadonlyArray<readonly [number, string, string | undefined, string]> = [
    [404, "NOT_FOUND", "UNREGISTERED", "TokenDead"],
    [403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "TokenRefused"],
    [400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "Rejected"],
    [400, "INVALID_ARGUMENT", undefined, "Rejected"],
    [429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "RetryLater"],
    [429, "RESOURCE_EXHAUSTED", undefined, "RetryLater"],
    [500, "INTERNAL", "INTERNAL", "GatewayDown"],
    [503, "UNAVAILABLE", "UNAVAILABLE", "GatewayDown"],
    [401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", "AppDown"],
    [401, "UNAUTHENTICATED", undefined, "GatewayDown"]
  ]
  for (const [status, word, code, expected] of cases)
    it(`${status} ${code ?? word}: ${expected}`, () => {
      expect(reply(FcmStub.failure(status, word, code))._tag).toBe(expected)
    })

  it("that the project is unknown or closed to us does not kill tokens", () => {
    expect(reply(FcmStub.failure(404, "NOT_FOUND"))).toMatchObject({
      _tag: "GatewayDown",
      reason: expect.stringContaining("project")
    })
    expect(reply(FcmStub.failure(403, "PERMISSION_DENIED"))).toMatchObject({
      _tag: "GatewayDown",
      reason: expect.stringContaining("switched on")
    })
  })

  it("that names a time is heeded: by everyone, or for one device if its quota is used up", () => {
    const headers = { "retry-after": "7" }
    const quota = (subject: string) => [
      { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [{ subject, description: "x" }] }
    ]
    const exceeded = (details: ReadonlyArray<unknown>, more = {}) =>
      reply(FcmStub.failure(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", { details, ...more }))
    expect(exceeded(quota("project:p1"), { headers })).toEqual({
      _tag: "RetryLater",
      after: 7_000,
      everyone: true
    })
    expect(exceeded(quota("device:token-1"), { headers })).toEqual({ _tag: "RetryLater", after: 7_000 })
    expect(exceeded([])).toEqual({ _tag: "RetryLater", after: 60_000, everyone: true })
    expect(reply(FcmStub.failure(503, "UNAVAILABLE", "UNAVAILABLE", { headers }))).toEqual({
      _tag: "RetryLater",
      after: 7_000,
      everyone: true
    })
  })

  it("that is not FCM's own is no reason to give a mail or a device up", () => {
    for (const status of [200, 302, 400, 401, 403, 404, 413])
      for (const body of [undefined, "<html>no</html>", {}, [], null, { error: "no" }, { error: {} }])
        expect(reply({ status, body })._tag).toBe("GatewayDown")
  })
})

describe("any answer", () => {
  it("is understood without a crash, and kills a token only in FCM's own words", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 100, max: 599 }),
        FastCheck.oneof(
          FastCheck.anything(),
          FastCheck.record({
            error: FastCheck.record({
              status: FastCheck.constantFrom("Lunch with Zoë", "NOT_FOUND"),
              details: FastCheck.array(FastCheck.anything())
            })
          })
        ),
        (status, body) => {
          const result = readReply({ status, retryAfter: undefined, body }, 0)
          expect(result._tag).not.toMatch(/Token/)
          expect(JSON.stringify(result)).not.toContain("Lunch")
        }
      )
    )
  })
})
