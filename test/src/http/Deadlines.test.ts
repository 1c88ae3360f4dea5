import { describe, expect, it } from "vitest"
import { Deadlines } from "../../../src/http/Deadlines.ts"

const expired = (deadlines: Deadlines<string>) => {
  const due: Array<string> = []
  deadlines.advance((entry) => due.push(entry))
  return due
}

describe("Deadlines", () => {
  it("never finds an entry due early, and then in the order of adding", () => {
    const deadlines = new Deadlines<string>(2000)
    deadlines.add("a")
    deadlines.add("b")
    expect(expired(deadlines)).toEqual([])
    deadlines.add("c")
    expect(expired(deadlines)).toEqual([])
    expect(expired(deadlines)).toEqual(["a", "b"])
    expect(expired(deadlines)).toEqual(["c"])
    expect(deadlines.size).toBe(0)
  })

  it("knows whether an entry was still waiting when it is removed", () => {
    const deadlines = new Deadlines<string>(0)
    deadlines.add("a")
    deadlines.add("b")
    expect(deadlines.remove("a")).toBe(true)
    expect(deadlines.remove("a")).toBe(false)
    expect(expired(deadlines)).toEqual(["b"])
    expect(deadlines.remove("b")).toBe(false)
  })
})
