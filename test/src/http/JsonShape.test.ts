import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { DEPTH_MAX, shapeOf, VALUES_MAX } from "../../../src/http/JsonShape.ts"

const modest = (text: string) => shapeOf(text).isModest
const keys = (text: string) => shapeOf(text).keys

/** Levels of a value, and how many values it has. */
const levels = (value: unknown): number =>
  typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(levels)) : 0
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth)

describe("the shape of a request's JSON", () => {
  it("has bounds in depth and number", () => {
    expect([modest(nested(DEPTH_MAX)), modest(nested(DEPTH_MAX + 1))]).toEqual([true, false])
    expect(modest('{"a":'.repeat(100_000))).toBe(false)
    const list = (length: number) => JSON.stringify(Array.from({ length }, () => 1))
    expect([modest(list(VALUES_MAX - 1)), modest(list(VALUES_MAX + 1))]).toEqual([true, false])
  })

  it("is not what stands in strings, and what is no JSON is left to the parser", () => {
    const text = `${"[".repeat(500)}\\"${"{,".repeat(2000)}\\\\`
    expect(modest(JSON.stringify({ a: text, b: [text, "\\"] }))).toBe(true)
    for (const odd of ["", '"', '"\\', "\\", "]]]]", '{"a'.repeat(3)]) expect(modest(odd)).toBe(true)
  })

  it("is seen as the parser sees it", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.integer({ min: 0, max: 40 }), (value, more) => {
        const text = "[".repeat(more) + JSON.stringify(value) + "]".repeat(more)
        const count = text.length
        if (count < VALUES_MAX) expect(modest(text)).toBe(levels(JSON.parse(text)) <= DEPTH_MAX)
      })
    )
  })

  it("counts each key of an object as often as it is written, however that is", () => {
    expect(keys('{"a":1,"b":{"a":":","c":[{"d":2}]},"a":[":"]}')).toBe(3)
    expect(keys('{"a":1,"\\u0061":2,"__proto__":3}')).toBe(3)
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 20 }), (object) => {
        const { isModest, keys } = shapeOf(JSON.stringify(object, null, 1))
        if (isModest) expect(keys).toBe(Object.keys(object).length)
      })
    )
  })
})
