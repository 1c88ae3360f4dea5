import { describe, expect, it } from "@effect/vitest"
import { Outage, PROBE_FIRST, PROBE_LONGEST } from "../../../layers/net/Outage.ts"

/** One that is down at 0. */
const down = (vary?: (distance: number) => number) => {
  const outage = new Outage(vary)
  outage.failed("no route", false, 0)
  return outage
}

describe("an outage", () => {
  it("is probed after 5 s, then at growing distance, at most 20 s", () => {
    const outage = down()
    let at = 0
    for (const wait of [5, 10, 20, 20, 20].map((seconds) => seconds * 1000)) {
      expect(outage.remaining(at)).toBe(wait)
      expect(outage.probeDue(at + wait - 1)).toBe(false)
      at += wait
      expect(outage.probeDue(at)).toBe(true)
      outage.beginProbe()
      expect(outage.probeDue(at)).toBe(false)
      outage.failed("still no route", true, at)
    }
    expect(outage.trouble).toEqual({ since: 0, reason: "still no route" })
  })

  it("does not take failures of what was under way for probes", () => {
    const outage = down()
    outage.failed("late", false, 4_000)
    expect(outage.remaining(4_000)).toBe(PROBE_FIRST - 4_000)
  })

  it("is over with any answer, and the next one begins with short distances", () => {
    const outage = down()
    outage.beginProbe()
    outage.failed("again", true, 5_000)
    outage.over()
    expect(outage.trouble).toBeUndefined()
    expect(outage.remaining(5_000)).toBe(0)
    outage.failed("new", false, 6_000)
    expect(outage.remaining(6_000)).toBe(PROBE_FIRST)
    expect(outage.trouble).toEqual({ since: 6_000, reason: "new" })
  })

  it("leaves the next probe to another request when one found out nothing", () => {
    const outage = down()
    outage.beginProbe()
    outage.endProbe()
    expect(outage.probeDue(5_000)).toBe(true)
  })

  it("is not probed while the peer asks to wait, and varies its distances", () => {
    const asked = new Outage()
    asked.failed("busy", false, 0, 30_000)
    expect(asked.remaining(0)).toBe(30_000)
    const varied = down((distance) => distance * 1.1)
    expect(varied.remaining(0)).toBeCloseTo(PROBE_FIRST * 1.1)
    expect(varied.remaining(0)).toBeLessThan(PROBE_LONGEST)
  })
})
