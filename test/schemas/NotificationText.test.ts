import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { cleanText, cutText, jsonBytes } from "../../schemas/NotificationText.ts"

describe("cleaning text from a mail", () => {
  it("keeps line breaks and tabs in a body, and makes them spaces in one line", () => {
    expect(cleanText("a\r\nb\u2028c\td", "many")).toBe("a\nb\nc\td")
    expect(cleanText("a\r\nb\u2028c\td", "one")).toBe("a b c d")
  })
  it("replaces control characters and removes direction overrides", () => {
    expect(cleanText("a\u0000b\u001bc\u007fd\u0085e\u202ef", "one")).toBe("a b c d ef")
  })
  it("replaces half a character", () => {
    expect(cleanText("a\ud83db", "one")).toBe("a\ufffdb")
  })
  it("keeps what other scripts need", () => {
    expect(cleanText("שלום \u2067عربى\u2069 👨‍👩‍👧", "one")).toBe("שלום \u2067عربى\u2069 👨‍👩‍👧")
  })
  it("knows nothing from blank", () => {
    expect(cleanText(" \u0000\r\n", "many")).toBeUndefined()
    expect(cleanText("", "one")).toBeUndefined()
    expect(cleanText(undefined, "one")).toBeUndefined()
  })
  it("does not read a book", () => {
    expect(cleanText(`${"a".repeat(4095)}😀${"b".repeat(1_000_000)}`, "one")).toBe("a".repeat(4095))
  })
})

describe("cutting text", () => {
  it("answers the longest start that fits", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.string({ unit: FastCheck.constantFrom("a", `"`, "\n", "é", "漢", "😀") }),
        FastCheck.nat(80),
        (text, bytes) => {
          const cut = cutText(text, bytes)
          expect(text.startsWith(cut)).toBe(true)
          expect(cut.isWellFormed()).toBe(true)
          expect(jsonBytes(cut)).toBeLessThanOrEqual(bytes)
          const next = [...text.slice(cut.length)][0]
          if (next !== undefined) expect(jsonBytes(cut + next)).toBeGreaterThan(bytes)
        }
      )
    )
  })
  it("keeps letter and accent together, unless nothing else would be left", () => {
    expect(cutText("abe\u0301", 3)).toBe("ab")
    expect(cutText(`e${"\u0301".repeat(50)}`, 7)).toBe("e\u0301\u0301\u0301")
  })
})
