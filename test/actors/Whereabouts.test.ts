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

  it("are told of what cannot be read, too", () => {
    const throwing = (property: string) =>
      Object.defineProperty(new Error("x"), property, {
        get: () => {
          throw new Error("ann@example.com")
        }
      })
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const defect of [throwing("message"), throwing("stack"), throwing("name"), proxy])
      expect(whereabouts(defect)).toBe("an error that cannot be read")
    expect(whereabouts(Object.assign(new Error("x"), { message: Symbol("y"), stack: 5 }))).toMatch(
      /cannot be read/
    )
  })
})
