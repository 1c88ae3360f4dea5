import { describe, expect, it } from "vitest"
import { SKEW_ALLOWED, skewTold } from "../../../layers/net/ClockSkew.ts"

const NOW = 1_760_000_000_000
const date = (ahead: number) => new Date(NOW + ahead).toUTCString()

describe("another machine's clock", () => {
  it("may differ by two minutes", () => {
    for (const ahead of [0, 999, -999, SKEW_ALLOWED, -SKEW_ALLOWED]) {
      expect(skewTold(date(ahead), NOW)).toBeUndefined()
    }
  })

  it("is told of beyond that, in both directions", () => {
    expect(skewTold(date(180_000), NOW)).toBe("its clock is 3 min ahead of ours")
    expect(skewTold(date(-180_000), NOW)).toBe("its clock is 3 min behind ours")
    expect(skewTold(date(-5 * 3_600_000), NOW)).toBe("its clock is 5 h behind ours")
    expect(skewTold(date(400 * 86_400_000), NOW)).toBe("its clock is 400 days ahead of ours")
  })

  it("says nothing where there is no date, or none that can be read", () => {
    for (const text of [undefined, "", "yesterday", "Thu, 99 Foo 2026"])
      expect(skewTold(text, NOW)).toBeUndefined()
  })
})
