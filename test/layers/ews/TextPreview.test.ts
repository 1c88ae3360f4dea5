import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { previewOf } from "../../../layers/ews/TextPreview.ts"

describe("a preview made of a text", () => {
  it.each([
    ["Hello", "Hello"],
    ["", undefined],
    [" \r\n\t ", undefined],
    ["a\n\n  b\tc", "a b c"],
    [`${"\n".repeat(20_000)}late`, undefined],
    ["x".repeat(255), "x".repeat(255)],
    ["x".repeat(300), "x".repeat(255)],
    [`${"x".repeat(254)}👩‍👩‍👧 more`, "x".repeat(254)],
    [`${"x".repeat(254)} y`, "x".repeat(254)],
    [`${"x".repeat(254)}é and more`, `${"x".repeat(254)}é`]
  ])("%# is its beginning in one line, with whole characters", (text, preview) => {
    expect(previewOf(text)).toBe(preview)
  })

  it("is short, well-formed and one line for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 600 }), (text) => {
        const preview = previewOf(text) ?? ""
        expect(preview.length).toBeLessThanOrEqual(255)
        expect(preview.isWellFormed()).toBe(true)
        expect(preview).not.toMatch(/[\n\r\t]| {2}|^ | $/)
      })
    )
  })

  it("splits a heap of accents that is itself too long", () => {
    expect(previewOf(`e${"\u0301".repeat(400)}`)?.length).toBe(255)
  })
})
