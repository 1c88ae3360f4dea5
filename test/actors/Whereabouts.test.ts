import { describe, expect, it } from "@effect/vitest"
import { whereabouts } from "../../actors/Whereabouts.ts"

describe("the whereabouts of a defect", () => {
  it("name its kind and place", () => {
    expect(whereabouts(new TypeError("x is undefined"))).toMatch(/^TypeError at .*Whereabouts\.test\.ts/)
  })

  it("never quote its text, whatever that looks like", () => {
    const error = new Error("subject: Lunch?\n    at noon, with ann@example.com\n    at the usual place")
    expect(whereabouts(error)).not.toMatch(/Lunch|noon|ann@|usual/)
    expect(whereabouts(new Error("ann@example.com"))).not.toContain("ann@")
    expect(whereabouts("ann@example.com")).toBe("string")
  })
})
