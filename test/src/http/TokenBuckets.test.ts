import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { TokenBuckets } from "../../../src/http/TokenBuckets.ts"

const RATE = { count: 10, per: 1000, burst: 3 }

describe("token buckets", () => {
  it("give a burst at once, then as many as the rate, and say how long to wait", () => {
    const buckets = new TokenBuckets(RATE)
    expect([1, 2, 3].map(() => buckets.take("a", 5000))).toEqual([0, 0, 0])
    expect(buckets.take("a", 5000)).toBeCloseTo(100)
    expect(buckets.take("a", 5099)).toBeCloseTo(1)
    expect(buckets.take("a", 5100)).toBe(0)
    expect(buckets.take("a", 5100)).toBeGreaterThan(0)
  })

  it("keep keys apart", () => {
    const buckets = new TokenBuckets({ ...RATE, burst: 1 })
    expect(buckets.take("a", 0)).toBe(0)
    expect(buckets.take("b", 0)).toBe(0)
    expect(buckets.take("a", 0)).toBeGreaterThan(0)
  })

  it("take nothing from who only asks or is refused", () => {
    const buckets = new TokenBuckets({ ...RATE, burst: 1 })
    expect(buckets.wait("a", 0)).toBe(0)
    expect(buckets.take("a", 0)).toBe(0)
    for (let i = 0; i < 50; i++) expect(buckets.take("a", 10)).toBeCloseTo(90)
    expect(buckets.wait("a", 100)).toBe(0)
    expect(buckets.take("a", 100)).toBe(0)
  })

  it("take back what was no use, but never more than a full bucket", () => {
    const buckets = new TokenBuckets(RATE)
    for (let i = 0; i < 3; i++) buckets.take("a", 0)
    buckets.giveBack("a", 0)
    expect(buckets.take("a", 0)).toBe(0)
    for (let i = 0; i < 99; i++) buckets.giveBack("a", 0)
    expect([1, 2, 3, 4].map(() => buckets.take("a", 0) === 0)).toEqual([true, true, true, false])
  })

  it("let everything through without a rate", () => {
    const buckets = new TokenBuckets(undefined)
    expect(Array.from({ length: 1000 }, () => buckets.take("a", 0)).every((wait) => wait === 0)).toBe(true)
    expect(buckets.size).toBe(0)
  })

  it("remember a bounded number of keys, the latest ones", () => {
    const buckets = new TokenBuckets({ ...RATE, burst: 1 }, 100)
    for (let i = 0; i < 10_000; i++) buckets.take(`k${i}`, 0)
    expect(buckets.size).toBeLessThanOrEqual(100)
    expect(buckets.take("k9999", 0)).toBeGreaterThan(0)
  })

  it("lock nobody out when the clock is set back", () => {
    const buckets = new TokenBuckets(RATE)
    for (let i = 0; i < 3; i++) buckets.take("a", 1e12)
    expect(buckets.take("a", 0)).toBeLessThanOrEqual(RATE.per / RATE.count)
    expect(buckets.take("a", 100)).toBe(0)
  })

  it("never let more through than burst + rate × time, and always that much", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 }),
        (count, burst, pauses) => {
          const buckets = new TokenBuckets({ count, per: 1000, burst })
          let at = 0
          let level = burst
          for (const pause of pauses) {
            at += pause
            level = Math.min(burst, level + (pause * count) / 1000)
            const wanted = level > 1 - 1e-6
            // At the edge, rounding may go either way.
            if (Math.abs(level - 1) < 1e-3) {
              if (buckets.take("a", at) === 0) level--
            } else {
              expect(buckets.take("a", at) === 0).toBe(wanted)
              if (wanted) level--
            }
          }
        }
      )
    )
  })
})
