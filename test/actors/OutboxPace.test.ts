import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import {
  type FlushRound,
  firstPace,
  type OutboxPace,
  paceAfter,
  RATE_FIRST,
  RATE_MOST,
  ROUND
} from "../../actors/OutboxPace.ts"

/** A round in which everything went. */
const clean = (pace: OutboxPace): FlushRound => ({
  asked: pace.rate,
  sent: pace.rate,
  took: 100,
  refused: false
})

const rounds = (pace: OutboxPace, count: number, round = clean): OutboxPace =>
  count === 0 ? pace : rounds(paceAfter(pace, round(pace)), count - 1, round)

describe("the outbox's pace", () => {
  it("doubles while everything goes, up to a bound", () => {
    expect([0, 1, 2, 5, 6, 50].map((count) => rounds(firstPace, count).rate)).toEqual([
      RATE_FIRST,
      2 * RATE_FIRST,
      4 * RATE_FIRST,
      32 * RATE_FIRST,
      RATE_MOST,
      RATE_MOST
    ])
  })

  it("lets 80,000 users go within a minute", () => {
    let pace = firstPace
    let sent = 0
    for (let second = 0; second < 60; second++) {
      sent += pace.rate
      pace = paceAfter(pace, clean(pace))
    }
    expect(sent).toBeGreaterThan(80_000)
  })

  it("begins anew when the gateway refuses, and comes near that rate in small steps", () => {
    const fast = rounds(firstPace, 4)
    const refused = paceAfter(fast, { ...clean(fast), sent: 0, refused: true })
    expect(refused.rate).toBe(RATE_FIRST)
    const near = rounds(refused, 3)
    expect(near.rate).toBe(fast.rate / 2)
    expect(rounds(near, 1).rate).toBe(near.rate + RATE_FIRST)
  })

  it("halves when little goes, stays when a round takes too long, and begins anew when few wait", () => {
    const fast = rounds(firstPace, 4)
    expect(paceAfter(fast, { ...clean(fast), sent: 10 }).rate).toBe(fast.rate / 2)
    expect(paceAfter(fast, { ...clean(fast), took: ROUND + 1 })).toEqual(fast)
    expect(paceAfter(fast, { ...clean(fast), asked: 3, sent: 3 }).rate).toBe(RATE_FIRST)
  })

  it("stays between its bounds and never more than doubles, whatever happens", () => {
    const anyRound = fc.record({
      asked: fc.double({ min: 0, max: 1, noNaN: true }),
      sent: fc.double({ min: 0, max: 1, noNaN: true }),
      took: fc.nat(5_000),
      refused: fc.boolean()
    })
    fc.assert(
      fc.property(fc.array(anyRound, { maxLength: 60 }), (history) => {
        let pace = firstPace
        for (const { asked, refused, sent, took } of history) {
          const users = Math.ceil(asked * pace.rate)
          const next = paceAfter(pace, { asked: users, sent: Math.floor(sent * users), took, refused })
          expect(next.rate).toBeGreaterThanOrEqual(RATE_FIRST)
          expect(next.rate).toBeLessThanOrEqual(Math.min(RATE_MOST, 2 * pace.rate))
          if (refused) expect(next.rate).toBe(RATE_FIRST)
          else if (next.rate > pace.rate) expect(took).toBeLessThanOrEqual(ROUND)
          pace = next
        }
      })
    )
  })
})
