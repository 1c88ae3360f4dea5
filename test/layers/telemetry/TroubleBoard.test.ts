import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import {
  HOUR,
  OF_A_CAUSE_MAX,
  TOLD_MAX,
  TROUBLES_MAX,
  TroubleBoard
} from "../../../layers/telemetry/TroubleBoard.ts"
import { FAULT_NAMES, type FaultName } from "../../../schemas/Fault.ts"

const MINUTE = 60_000
const START = 1_760_000_000_000

const report = (
  fault: FaultName = "exchange-unreachable",
  where = "mail.example.com",
  what = "it is gone"
) => ({
  fault,
  where,
  what
})

describe("the board of troubles", () => {
  it("makes one of those that have the same cause at the same place, and shows the newest first", () => {
    const board = new TroubleBoard()
    board.report(report("pin-mismatch", "a", "first"), START)
    board.report(report("gateway-down", "cns"), START + 1)
    board.report(report("pin-mismatch", "a", "second"), START + 2)
    board.report(report("pin-mismatch", "b"), START + 3)
    expect(board.current(START + 4)).toEqual([
      { ...report("pin-mismatch", "b"), since: START + 3, last: START + 3, count: 1 },
      { ...report("pin-mismatch", "a", "second"), since: START, last: START + 2, count: 2 },
      { ...report("gateway-down", "cns"), since: START + 1, last: START + 1, count: 1 }
    ])
  })

  it("has one told at first and once an hour, with how often it was", () => {
    const board = new TroubleBoard()
    const told: Array<readonly [number, number]> = []
    for (let minute = 0; minute <= 150; minute += 1) {
      const news = board.report(report(), START + minute * MINUTE)
      if (news !== undefined) told.push([minute, news.count])
    }
    expect(told).toEqual([
      [0, 1],
      [60, 61],
      [120, 121]
    ])
  })

  it("forgets what nobody reported for an hour, or for as long as it holds", () => {
    const board = new TroubleBoard()
    board.report(report(), START)
    board.report({ ...report("certificate-expiring", "cns"), holds: 25 * HOUR }, START)
    expect(board.current(START + HOUR)).toHaveLength(2)
    expect(board.current(START + HOUR + 1).map(({ fault }) => fault)).toEqual(["certificate-expiring"])
    expect(board.current(START + 25 * HOUR + 1)).toEqual([])
    expect(board.isClear).toBe(true)
    expect(board.report(report(), START + 30 * HOUR)).toMatchObject({ since: START + 30 * HOUR, count: 1 })
  })

  it("begins anew when a trouble comes back after an hour in which nobody looked", () => {
    const board = new TroubleBoard()
    board.report(report(), START)
    expect(board.report(report(), START + 2 * HOUR)).toMatchObject({ since: START + 2 * HOUR, count: 1 })
  })

  it("says once that a trouble is over, and nothing of one that was none", () => {
    const board = new TroubleBoard()
    expect(board.settle("gateway-down", "cns", START)).toBeUndefined()
    board.report(report("gateway-down", "cns"), START)
    expect(board.settle("gateway-down", "sns", START)).toBeUndefined()
    expect(board.settle("gateway-down", "cns", START + 5)).toMatchObject({ count: 1, since: START })
    expect(board.settle("gateway-down", "cns", START + 6)).toBeUndefined()
    expect(board.current(START + 7)).toEqual([])
  })

  it("leaves beginning and end to a caller who tells them", () => {
    const board = new TroubleBoard()
    expect(board.report({ ...report(), told: true }, START)).toBeUndefined()
    expect(board.settle("exchange-unreachable", "mail.example.com", START + 1)).toBeUndefined()
  })

  it("tells of what comes and goes only a few times an hour", () => {
    const board = new TroubleBoard()
    let begun = 0
    let over = 0
    for (let minute = 0; minute < 60; minute += 2) {
      if (board.report(report(), START + minute * MINUTE) !== undefined) begun += 1
      const { fault, where } = report()
      if (board.settle(fault, where, START + (minute + 1) * MINUTE) !== undefined) over += 1
    }
    expect([begun, over]).toEqual([TOLD_MAX, TOLD_MAX])
    expect(board.report(report(), START + 61 * MINUTE)).toBeDefined()
  })

  it("puts what others wrote on one line, and cuts it", () => {
    const board = new TroubleBoard()
    board.report(report("ews-url-not-allowed", "a\r\nb", `x\n${"y".repeat(5_000)}`), START)
    const [shown] = board.current(START)
    expect(shown?.where).toBe("a b")
    expect(shown?.what).toMatch(/^x y+…$/)
    expect(shown?.what.length).toBeLessThanOrEqual(1_000)
    expect(board.settle("ews-url-not-allowed", "a\r\nb", START)).toBeDefined()
  })

  it("does not let many hosts that a phone invents push out other causes", () => {
    const board = new TroubleBoard()
    board.report(report("storage-down", "storage"), START)
    for (let host = 0; host < 5_000; host += 1) {
      board.report(report("autodiscover-missing", `host-${host}`), START + host)
    }
    const shown = board.current(START + 5_000)
    expect(shown).toHaveLength(OF_A_CAUSE_MAX + 1)
    expect(shown.at(-1)?.fault).toBe("storage-down")
    expect(shown[0]?.where).toBe("host-4999")
  })

  it("is bounded, counts right and has no closed trouble open, whatever comes", () => {
    const step = fc.record({
      fault: fc.constantFrom(...FAULT_NAMES),
      where: fc.integer({ min: 0, max: 40 }).map((host) => `host-${host}`),
      kind: fc.constantFrom("report", "report", "report", "settle", "told" as const),
      wait: fc.integer({ min: 0, max: 20 * MINUTE })
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
        const board = new TroubleBoard()
        let now = START
        for (const { fault, kind, wait, where } of steps) {
          now += wait
          if (kind === "settle") {
            board.settle(fault, where, now)
            expect(board.current(now).some((one) => one.fault === fault && one.where === where)).toBe(false)
          } else {
            board.report({ ...report(fault, where), told: kind === "told" }, now)
            expect(board.current(now)[0]).toMatchObject({ fault, where, last: now })
          }
          const shown = board.current(now)
          expect(shown.length).toBeLessThanOrEqual(TROUBLES_MAX)
          expect(board.isClear).toBe(shown.length === 0)
          expect(
            shown.every(({ count, last, since }) => count > 0 && since <= last && now - last <= HOUR)
          ).toBe(true)
          expect(shown.map(({ last }) => last)).toEqual(
            shown.map(({ last }) => last).toSorted((a, b) => b - a)
          )
        }
      }),
      { numRuns: 60 }
    )
  })
})
