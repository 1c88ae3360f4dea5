import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { RETRY_AFTER_MAX, retryAfter } from "../../../layers/net/RetryAfter.ts"

const NOW = Date.UTC(2026, 10, 22)
const inSeconds = (seconds: number) => new Date(NOW + seconds * 1000).toUTCString()

describe("Retry-After", () => {
  it.each([
    ["7", 7_000],
    [" 120 ", 120_000],
    [inSeconds(30), 30_000],
    ["Sunday, 22-Nov-26 00:00:30 GMT", 30_000],
    [inSeconds(-30), 0],
    [inSeconds(86_400), RETRY_AFTER_MAX],
    ["999999999999999999999", RETRY_AFTER_MAX],
    [undefined, 0],
    ["", 0],
    ["soon", 0],
    ["-5", 0],
    ["+5", 0],
    ["1.5", 0],
    ["Jan 2030", 0]
  ])("%s asks for %i ms", (header, expected) => {
    expect(retryAfter(header, NOW)).toBe(expected)
  })

  it("is a finite time of at most an hour, whatever it holds", () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        const wait = retryAfter(header, NOW)
        expect(wait >= 0 && wait <= RETRY_AFTER_MAX).toBe(true)
      })
    )
  })
})
