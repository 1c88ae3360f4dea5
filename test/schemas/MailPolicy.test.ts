import { describe, expect, it } from "@effect/vitest"
import { effectivePolicy, shapeFor } from "../../schemas/MailPolicy.ts"

describe("what Exchange is asked for", () => {
  it("is what the least restrictive device may show", () => {
    expect(shapeFor([4, 0])).toEqual({ sender: true, subject: true, preview: true })
    expect(shapeFor([1, 3])).toEqual({ sender: true, subject: true, preview: false })
    expect(shapeFor([2])).toEqual({ sender: true, subject: false, preview: false })
    for (const policies of [[3], [4], [3, 4], []] as const)
      expect(shapeFor(policies)).toEqual({ sender: false, subject: false, preview: false })
  })
})

describe("the policy that counts", () => {
  it("is the stricter of the device's and the floor", () => {
    expect(effectivePolicy(0, 3)).toBe(3)
    expect(effectivePolicy(4, 3)).toBe(4)
  })
})
