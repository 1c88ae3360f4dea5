import { describe, expect, it } from "@effect/vitest"
import { REFUSALS_ORDINARY, REFUSALS_PERIOD, TokenRefusals } from "../../../layers/push/TokenRefusals.ts"

const refuse = (refusals: TokenRefusals, count: number, now: number, app = "app") =>
  Array.from({ length: count }, () => refusals.refused(app, now)).filter((believed) => believed).length

const accept = (refusals: TokenRefusals, count: number, now: number, app = "app") => {
  for (let n = 0; n < count; n++) refusals.accepted(app, now)
}

describe("refused tokens", () => {
  it("are believed to be dead while they are few", () => {
    expect(refuse(new TokenRefusals(), REFUSALS_ORDINARY, 0)).toBe(REFUSALS_ORDINARY)
  })

  it("are believed to be dead while more are accepted, however many there are", () => {
    const refusals = new TokenRefusals()
    for (let n = 0; n < 500; n++) {
      expect(refuse(refusals, 1, n)).toBe(1)
      accept(refusals, 2, n)
    }
  })

  it("are not believed any more once they are most of many", () => {
    expect(refuse(new TokenRefusals(), 1_000, 0)).toBe(REFUSALS_ORDINARY)
  })

  it("stay unbelieved however seldom they are asked for, until more are accepted", () => {
    const refusals = new TokenRefusals()
    refuse(refusals, 20, 0)
    for (let minute = 1; minute < 60; minute++)
      expect(refuse(refusals, 1, minute * 3 * REFUSALS_PERIOD)).toBe(0)
    const now = 60 * 3 * REFUSALS_PERIOD
    accept(refusals, 1, now)
    expect(refuse(refusals, 1, now)).toBe(1)
  })

  it("of one app say nothing of another's", () => {
    const refusals = new TokenRefusals()
    accept(refusals, 1_000, 0, "healthy")
    expect(refuse(refusals, 100, 0, "broken")).toBe(REFUSALS_ORDINARY)
    expect(refuse(refusals, 1, 0, "healthy")).toBe(1)
  })

  it("are not believed any more after many in a row, however seldom they are asked for", () => {
    const refusals = new TokenRefusals()
    let believed = 0
    for (let minute = 0; minute < 1_000; minute++)
      believed += refuse(refusals, 1, minute * 3 * REFUSALS_PERIOD)
    expect(believed).toBe(REFUSALS_ORDINARY)
  })

  it("of long ago count no more", () => {
    const refusals = new TokenRefusals()
    for (let period = 0; period < 10; period++) {
      expect(refuse(refusals, REFUSALS_ORDINARY, period * 2 * REFUSALS_PERIOD)).toBe(REFUSALS_ORDINARY)
      accept(refusals, 1, period * 2 * REFUSALS_PERIOD)
    }
  })
})
