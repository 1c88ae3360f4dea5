import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { MassGuard } from "../../../src/http/MassGuard.ts"

const START = 1_700_000_000_000

/** `count` different suspects, all at `now`; answers whether the last one was withheld. */
const suspects = (guard: MassGuard, count: number, now: number, prefix = "u") => {
  let withheld = false
  for (let i = 0; i < count; i++) {
    guard.seen(now)
    withheld = guard.suspect(`${prefix}${i}`, now)
  }
  return withheld
}

const honest = (guard: MassGuard, count: number, now: number) => {
  for (let i = 0; i < count; i++) guard.seen(now)
}

describe("MassGuard", () => {
  it("stays off for 20 different suspects and goes on with the 21st", () => {
    const guard = new MassGuard()
    expect(suspects(guard, 20, START)).toBe(false)
    expect(suspects(guard, 1, START, "another")).toBe(true)
    expect(guard.episodes).toBe(1)
  })

  it("counts the same suspect once, however often it comes", () => {
    const guard = new MassGuard()
    for (let i = 0; i < 1000; i++) suspects(guard, 5, START + i)
    expect(guard.isOn(START + 1000)).toBe(false)
  })

  it("stays off while suspects are at most 5 % of all callbacks", () => {
    const guard = new MassGuard()
    honest(guard, 1000, START)
    expect(suspects(guard, 50, START)).toBe(false)
    expect(suspects(guard, 10, START, "more")).toBe(true)
  })

  it("forgets suspects after a minute", () => {
    const guard = new MassGuard()
    suspects(guard, 20, START)
    expect(suspects(guard, 20, START + 60_000, "later")).toBe(false)
    expect(suspects(guard, 1, START + 61_000, "last")).toBe(true)
  })

  it("goes off after a quiet minute, and each time it goes on is one episode", () => {
    const guard = new MassGuard()
    suspects(guard, 30, START)
    suspects(guard, 30, START + 5_000)
    expect(guard.isOn(START + 64_000)).toBe(true)
    expect(guard.isOn(START + 65_000)).toBe(false)
    expect(guard.episodes).toBe(1)
    suspects(guard, 30, START + 70_000)
    expect(guard.episodes).toBe(2)
  })

  it("does not flap when honest callbacks push the share under 5 % meanwhile", () => {
    const guard = new MassGuard()
    suspects(guard, 30, START)
    honest(guard, 10_000, START + 1_000)
    expect(suspects(guard, 1, START + 2_000)).toBe(true)
    expect(guard.episodes).toBe(1)
  })

  it("survives a clock that is set back", () => {
    const guard = new MassGuard()
    suspects(guard, 30, START)
    expect(guard.isOn(START - 3_000)).toBe(true)
    suspects(guard, 30, START - 3_600_000)
    expect(guard.isOn(START - 3_600_000 + 60_000)).toBe(false)
  })

  it("agrees with counting by hand, for any callbacks at any times", () => {
    const step = fc.record({
      after: fc.integer({ min: 0, max: 20_000 }),
      suspect: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }),
      times: fc.integer({ min: 1, max: 30 })
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const guard = new MassGuard()
        const all: Array<{ at: number; suspect: string | undefined }> = []
        let now = START
        let on = false
        for (const { after, suspect, times } of steps) {
          now += after
          for (let i = 0; i < times; i++) {
            const key = suspect === undefined ? undefined : `user ${suspect + i}`
            all.push({ at: Math.floor(now / 1000), suspect: key })
            guard.seen(now)
            const answer = key === undefined ? guard.isOn(now) : guard.suspect(key, now)
            const minute = all.filter(({ at }) => at > Math.floor(now / 1000) - 60)
            const doubted = minute.filter((one) => one.suspect !== undefined)
            const many = new Set(doubted.map((one) => one.suspect)).size > 20
            on = many && (on || doubted.length > 0.05 * minute.length)
            expect(answer).toBe(on)
          }
        }
      }),
      { numRuns: 60 }
    )
  })
})
