import { describe, expect, it } from "@effect/vitest"
import { FAULTS, stepsOf } from "./Timeline.ts"

describe("the faults of a run", () => {
  it("are the same for the same seed, and others for another", () => {
    const names = (seed: number) => stepsOf(seed, 60).map(({ fault, gap }) => `${fault.name} ${gap}`)
    expect(names(7)).toEqual(names(7))
    expect(names(7)).not.toEqual(names(8))
  })

  it("are of every kind once before any comes again, and never more often than may be", () => {
    const faults = stepsOf(3, 400).map(({ fault }) => fault)
    expect(new Set(faults.slice(0, FAULTS.length))).toEqual(new Set(FAULTS))
    for (const fault of FAULTS)
      expect(faults.filter((one) => one === fault).length, fault.name).toBeLessThanOrEqual(
        fault.most ?? Number.POSITIVE_INFINITY
      )
  })
})
