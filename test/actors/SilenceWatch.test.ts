import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { LOST_AFTER, NUDGES, nudgeAfter } from "../../actors/NudgeSchedule.ts"
import { LONGEST_HOLDS, SHARED_FRACTION, SHARED_LEAST, SilenceWatch } from "../../actors/SilenceWatch.ts"

const WINDOW = 120_000
const HOLD = 30 * 60_000
const HOST = 1

const watchOf = (population: number) => {
  const watch = new SilenceWatch(WINDOW, HOLD)
  for (let i = 0; i < population; i++) watch.joined(HOST)
  return watch
}

describe("the watch over silences", () => {
  it("raises one alarm for a fault that subscriptions notice one after another", () => {
    const watch = watchOf(60)
    const alarms = Array.from({ length: 60 }, (_, i) => watch.silent(HOST, 1_000 + i * 15_000))
    expect(alarms.filter((alarm) => alarm)).toHaveLength(1)
    const last = 1_000 + 59 * 15_000
    expect([watch.isHeld(HOST, last + HOLD - 1), watch.isHeld(HOST, last + HOLD)]).toEqual([true, false])
  })

  it("lets go in the end although some always fall silent", () => {
    const watch = watchOf(40)
    watch.silent(HOST, 0)
    watch.silent(HOST, 0)
    expect(watch.silent(HOST, 0)).toBe(true)
    const until = LONGEST_HOLDS * HOLD
    for (let now = WINDOW; now < until; now += WINDOW) watch.silent(HOST, now)
    expect([watch.isHeld(HOST, until - 1), watch.isHeld(HOST, until)]).toEqual([true, false])
  })

  it("never takes one for many, but two of two and three of three", () => {
    for (const population of [1, 2, 3, 10]) {
      const watch = watchOf(population)
      expect(watch.silent(HOST, 1_000)).toBe(false)
      const others = Array.from({ length: population - 1 }, () => watch.silent(HOST, 1_000))
      expect(others.filter((alarm) => alarm)).toHaveLength(population > 1 ? 1 : 0)
    }
  })

  it("holds a host exactly when more than the shared fraction fell silent within the window", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 60 }),
        (population, pauses) => {
          const watch = watchOf(population)
          const times: Array<number> = []
          let now = 1_000_000
          let heldSince = 0
          let heldUntil = 0
          for (const pause of pauses) {
            now += pause
            times.push(now)
            const recent = times.filter((time) => time > now - WINDOW).length
            const isShared = recent >= SHARED_LEAST && recent > population * SHARED_FRACTION
            const alarm = isShared && heldUntil <= now
            if (alarm) heldSince = now
            if (alarm || heldUntil > now) heldUntil = Math.min(now + HOLD, heldSince + LONGEST_HOLDS * HOLD)
            expect(watch.silent(HOST, now)).toBe(alarm)
            expect(watch.isHeld(HOST, now)).toBe(heldUntil > now)
          }
        }
      )
    )
  })

  it("tells hosts apart", () => {
    const watch = watchOf(10)
    for (let i = 0; i < 10; i++) watch.silent(HOST, 1_000)
    expect([watch.isHeld(HOST, 1_000), watch.isHeld(2, 1_000)]).toEqual([true, false])
  })

  it("lets go when the host is heard of, says so once, and counts anew", () => {
    const watch = watchOf(10)
    for (let i = 0; i < 10; i++) watch.silent(HOST, 1_000)
    expect([watch.heard(HOST, 2_000), watch.heard(HOST, 2_000), watch.heard(7, 2_000)]).toEqual([
      true,
      false,
      false
    ])
    expect(watch.isHeld(HOST, 2_000)).toBe(false)
    expect(watch.silent(HOST, 3_000)).toBe(false)
  })

  it("forgets a host that has no subscription any more", () => {
    const watch = watchOf(5)
    for (let i = 0; i < 5; i++) watch.silent(HOST, 1_000)
    for (let i = 0; i < 5; i++) watch.left(HOST)
    watch.left(HOST)
    expect(watch.isHeld(HOST, 1_000)).toBe(false)
  })
})

describe("the schedule of nudges", () => {
  it("is at once, after 30 min and 2 h, then daily for 14 days, and over before a user is lost", () => {
    const hours = Array.from({ length: NUDGES }, (_, i) => (nudgeAfter(i) ?? Number.NaN) / 3_600_000)
    expect(hours).toEqual([0, 0.5, 2, ...Array.from({ length: 14 }, (_, day) => (day + 1) * 24)])
    expect(nudgeAfter(NUDGES)).toBeUndefined()
    expect(LOST_AFTER).toBeGreaterThan(nudgeAfter(NUDGES - 1) ?? 0)
  })
})
