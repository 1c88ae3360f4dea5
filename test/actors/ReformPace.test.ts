import { describe, expect, it } from "@effect/vitest"
import { ReformPace } from "../../actors/ReformPace.ts"

/** How many go at this moment. */
const goAt = (pace: ReformPace, now: number): number => {
  let gone = 0
  for (; gone < 1_000 && pace.allows(now); gone++) pace.spend()
  return gone
}

describe("the pace of renewals", () => {
  it("lets one second's share go at once, then as many a second as are set", () => {
    const pace = new ReformPace(50, 0)
    expect([0, 0, 100, 1_100, 60_000].map((now) => goAt(pace, now))).toEqual([50, 0, 5, 50, 50])
  })

  it("holds back after a rush that nobody could hold back", () => {
    const pace = new ReformPace(10, 0)
    for (let i = 0; i < 30; i++) pace.spend()
    expect([1_000, 2_000, 3_000].map((now) => goAt(pace, now))).toEqual([0, 0, 10])
  })

  it("lets somebody go however low it is set", () => {
    const pace = new ReformPace(0.5, 0)
    expect([0, 1_000, 2_000, 10_000].map((now) => goAt(pace, now))).toEqual([0, 1, 0, 1])
  })
})
