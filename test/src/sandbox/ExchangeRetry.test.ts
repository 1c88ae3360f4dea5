import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { retryTimes } from "../../../src/sandbox/ExchangeRetry.ts"

describe("the retry rule's three readings", () => {
  it("drop a subscription with StatusFrequency 15 after 7:30, 8:00 or 15:30", () => {
    expect(retryTimes("strict", 15)).toEqual([0.5, 1.5, 3.5, 7.5])
    expect(retryTimes("clock", 15)).toEqual([0.5, 1, 2, 4, 8])
    expect(retryTimes("lenient", 15)).toEqual([0.5, 1.5, 3.5, 7.5, 15.5])
  })

  it("agree with the documentation's table for StatusFrequency 30", () => {
    expect(retryTimes("clock", 30)).toEqual([0.5, 1, 2, 4, 8, 16])
    expect(retryTimes("strict", 30).at(-1)).toBe(15.5)
    expect(retryTimes("lenient", 30).at(-1)).toBe(31.5)
  })

  it("try at least once more, ever later, and strict gives up first", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1440 }), (frequency) => {
        const [strict, clock, lenient] = (["strict", "clock", "lenient"] as const).map((reading) =>
          retryTimes(reading, frequency)
        )
        for (const times of [strict!, clock!, lenient!]) {
          expect(times[0]).toBe(0.5)
          expect(times.every((time, index) => index === 0 || time > times[index - 1]!)).toBe(true)
        }
        expect(strict!.at(-1)).toBeLessThanOrEqual(Math.min(clock!.at(-1)!, lenient!.at(-1)!))
        expect(strict!.at(-1)).toBeLessThanOrEqual(frequency)
        expect(lenient!.at(-1)).toBeLessThan(frequency * 2)
      })
    )
  })
})
