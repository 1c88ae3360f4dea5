import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { RETRY_AFTER_MAX } from "../../../layers/net/RetryAfter.ts"
import { type CnsResponse, readReply } from "../../../layers/push/CnsReply.ts"

const reply = (status: number, body: unknown, more: Partial<CnsResponse> = {}, ids = ["a", "b"]) =>
  readReply(
    ids,
    { status, retryAfter: undefined, body: typeof body === "string" ? body : JSON.stringify(body), ...more },
    0
  )

const tags = (result: ReturnType<typeof readReply>) =>
  result._tag === "Refused" ? "Refused" : result.verdicts.map((verdict) => verdict._tag).join(" ")

describe("an answer for the whole request", () => {
  const signer = { code: 2007, message: "Unable to verify if the signer cert as trusted." }
  const cases: ReadonlyArray<readonly [string, number, unknown, string]> = [
    ["success", 200, { status: "success", errorReason: null }, "Delivered Delivered"],
    ["another status", 200, { status: "failure", errorReason: "BadPayload" }, "Refused"],
    ["a code", 200, { code: 1001, message: "no" }, "Refused"],
    ["the signer is not trusted", 401, signer, "GatewayDown GatewayDown"],
    ["the signer is not trusted, with 200", 200, signer, "GatewayDown GatewayDown"],
    ["forbidden", 403, "", "GatewayDown GatewayDown"],
    ["a client error", 400, { code: 1001, message: "no" }, "Refused"],
    ["too large", 413, { status: "failure", errorReason: "TooLarge" }, "Refused"],
    ["a proxy's bad request", 400, "<html>Bad Request</html>", "GatewayDown GatewayDown"],
    ["a proxy's header limit", 431, "", "GatewayDown GatewayDown"],
    ["a framework's own error", 422, { status: 422, error: "Unprocessable" }, "GatewayDown GatewayDown"],
    ["success that is none", 400, { status: "success" }, "Refused"],
    ["another server", 404, "<html>", "GatewayDown GatewayDown"],
    ["a redirect", 302, "", "GatewayDown GatewayDown"],
    ["an outage", 503, "", "GatewayDown GatewayDown"],
    ["a proxy's outage", 502, "<html>", "GatewayDown GatewayDown"],
    ["too many requests", 429, "", "RetryLater RetryLater"],
    ["no JSON", 200, "OK", "GatewayDown GatewayDown"],
    ["an empty body", 204, "", "GatewayDown GatewayDown"],
    ["JSON of something else", 200, { hello: "world" }, "GatewayDown GatewayDown"],
    ["JSON null", 200, null, "GatewayDown GatewayDown"]
  ]
  for (const [what, status, body, expected] of cases)
    it(`${what} (${status}): ${expected}`, () => {
      expect(tags(reply(status, body))).toBe(expected)
    })

  it("halves what is too large for a proxy, but never gives the last one up for it", () => {
    expect(tags(reply(413, "<html>Request Entity Too Large</html>"))).toBe("Refused")
    expect(tags(reply(413, "<html>Request Entity Too Large</html>", {}, ["a"]))).toBe("GatewayDown")
  })

  it("names the cure when CNS does not trust the certificate", () => {
    expect(JSON.stringify(reply(401, signer))).toContain("HTTP 401, code 2007")
    expect(JSON.stringify(reply(401, signer))).toContain("have it installed at CNS")
  })
})

describe("Retry-After", () => {
  const throttled = (status: number, retryAfter: string | undefined) => {
    const result = reply(status, "", { retryAfter }, ["a"])
    return result._tag === "Verdicts" ? result.verdicts[0] : undefined
  }
  it("in seconds or as a date holds everyone up for so long, at most an hour", () => {
    expect(throttled(429, "7")).toEqual({ _tag: "RetryLater", after: 7_000, everyone: true })
    expect(throttled(503, "7")).toEqual({ _tag: "RetryLater", after: 7_000, everyone: true })
    expect(throttled(429, "Thu, 01 Jan 1970 00:00:30 GMT")).toMatchObject({ after: 30_000 })
    expect(throttled(429, "999999999999999999999")).toMatchObject({ after: RETRY_AFTER_MAX })
  })
  it("that is absent or unreadable names no time", () => {
    for (const header of [undefined, "", "soon", "-5"])
      expect(throttled(429, header)).toMatchObject({ after: 0 })
  })
})

describe("results", () => {
  const each = (results: ReadonlyArray<unknown>, ids?: ReadonlyArray<string>) => {
    const result = reply(200, { status: "success", errorReason: null, results }, {}, ids && [...ids])
    return result._tag === "Verdicts" ? result.verdicts : undefined
  }
  it("belong to their ids, in any order; what has none is tried again", () => {
    expect(
      each(
        [
          { id: "b", status: "failed", reason: "BadDeviceToken" },
          { id: "c", status: "retry", reason: null, retryAfter: 3 },
          { id: "a", status: "success", reason: null }
        ],
        ["a", "b", "c", "d"]
      )
    ).toEqual([
      { _tag: "Delivered" },
      { _tag: "Rejected", reason: "BadDeviceToken" },
      { _tag: "RetryLater", after: 3_000 },
      { _tag: "RetryLater", after: 0 }
    ])
  })
  it("of two notifications with one id go to them in order", () => {
    const verdicts = each(
      [
        { id: "a", status: "failed", reason: "X" },
        { id: "a", status: "success" }
      ],
      ["a", "a"]
    )
    expect(verdicts?.map((verdict) => verdict._tag)).toEqual(["Rejected", "Delivered"])
    expect(each([{ id: "a", status: "success" }], ["a", "a"])).toHaveLength(2)
  })
  it("never make a token dead", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string(), FastCheck.option(FastCheck.string()), (status, reason) => {
        expect(each([{ id: "a", status, reason }], ["a"])![0]!._tag).not.toBe("TokenDead")
      })
    )
  })
})

describe("any answer", () => {
  it("is understood without a crash, with one verdict each and no word of the server's", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 100, max: 599 }),
        FastCheck.oneof(
          FastCheck.json(),
          FastCheck.string(),
          FastCheck.record({
            status: FastCheck.string(),
            errorReason: FastCheck.constant("Lunch with Zoë")
          }).map((it) => JSON.stringify(it))
        ),
        FastCheck.option(FastCheck.string(), { nil: undefined }),
        (status, body, retryAfter) => {
          const result = readReply(["a", "b", "c"], { status, body, retryAfter }, 0)
          if (result._tag === "Verdicts") expect(result.verdicts).toHaveLength(3)
          expect(JSON.stringify(result)).not.toContain("Lunch")
        }
      )
    )
  })
})
