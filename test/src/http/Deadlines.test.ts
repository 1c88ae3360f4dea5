import { describe, expect, it } from "vitest"
import { Deadline, Deadlines } from "../../../src/http/Deadlines.ts"

class Named extends Deadline {
  readonly name: string

  constructor(name: string) {
    super()
    this.name = name
  }
}

const expired = (deadlines: Deadlines<Named>) => {
  const due: Array<string> = []
  deadlines.advance(({ name }) => due.push(name))
  return due
}

describe("Deadlines", () => {
  it("never finds an entry due early, and then in the order of adding", () => {
    const deadlines = new Deadlines<Named>(2000)
    deadlines.add(new Named("a"))
    deadlines.add(new Named("b"))
    expect(expired(deadlines)).toEqual([])
    deadlines.add(new Named("c"))
    expect(expired(deadlines)).toEqual([])
    expect(expired(deadlines)).toEqual(["a", "b"])
    expect(expired(deadlines)).toEqual(["c"])
    expect(deadlines.size).toBe(0)
  })

  it("lets any entry leave, and knows whether it was still waiting", () => {
    const deadlines = new Deadlines<Named>(0)
    const [a, b, c] = [new Named("a"), new Named("b"), new Named("c")]
    for (const entry of [a, b, c]) deadlines.add(entry)
    expect(deadlines.remove(b)).toBe(true)
    expect(deadlines.remove(b)).toBe(false)
    expect(deadlines.size).toBe(2)
    expect(expired(deadlines)).toEqual(["a", "c"])
    expect(deadlines.remove(a)).toBe(false)
  })

  it("takes an entry again that has left", () => {
    const deadlines = new Deadlines<Named>(1000)
    const [a, b] = [new Named("a"), new Named("b")]
    deadlines.add(a)
    deadlines.remove(a)
    deadlines.add(b)
    expect(expired(deadlines)).toEqual([])
    deadlines.add(a)
    expect(expired(deadlines)).toEqual(["b"])
    expect(expired(deadlines)).toEqual(["a"])
  })

  it("goes on with what is left when an expired entry makes others leave", () => {
    const deadlines = new Deadlines<Named>(0)
    const [a, b, c] = [new Named("a"), new Named("b"), new Named("c")]
    for (const entry of [a, b, c]) deadlines.add(entry)
    deadlines.advance(() => undefined)
    for (const entry of [a, b, c]) deadlines.add(entry)
    const due: Array<string> = []
    const look = (entry: Named) => {
      due.push(entry.name)
      deadlines.remove(b)
    }
    deadlines.advance(look)
    deadlines.advance(look)
    expect(due).toEqual(["a", "c"])
    expect(deadlines.size).toBe(0)
  })
})
