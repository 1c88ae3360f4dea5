import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import {
  ABSOLUTE,
  IDLE,
  isProof,
  SESSIONS_MAX,
  SessionBook
} from "../../../../src/http/console/SessionBook.ts"
import { IN_ALL, PER_SOURCE, SignInLimits } from "../../../../src/http/console/SignInLimits.ts"

const token = (id = "1", expiresAt: number | null = null) => ({
  id,
  label: "x",
  createdAt: 0,
  lastUsedAt: null,
  replacedAt: null,
  expiresAt
})

describe("The book of sessions", () => {
  it("keeps one that is used for twelve hours, and no longer", () => {
    const book = new SessionBook()
    const id = book.begin(token(), 0)
    for (let now = 0; now < ABSOLUTE; now += IDLE - 1) {
      expect(book.find(id, now)?.expiresAt).toBe(Math.min(ABSOLUTE, now + IDLE))
    }
    expect(book.find(id, ABSOLUTE - 1)).toBeDefined()
    expect(book.find(id, ABSOLUTE)).toBeUndefined()
    expect(book.size).toBe(0)
  })

  it("ends one that nobody uses, however often a page looks", () => {
    const book = new SessionBook()
    const id = book.begin(token(), 0)
    for (let now = 0; now < IDLE; now += 60_000) {
      expect(book.find(id, now, "overview")).toBeDefined()
      expect(book.find(id, now, "series")).toBeDefined()
    }
    expect(book.find(id, IDLE, "overview")).toBeUndefined()
  })

  it("goes on with one in which somebody opens another page", () => {
    const book = new SessionBook()
    const id = book.begin(token(), 0)
    for (let now = 0; now < 2 * IDLE - 60_000; now += 60_000) {
      expect(book.find(id, now, now < IDLE - 60_000 ? "overview" : "tokens")).toBeDefined()
    }
  })

  it("gives up the one that was used longest ago when there are too many", () => {
    const book = new SessionBook()
    const ids = Array.from({ length: SESSIONS_MAX }, () => book.begin(token(), 0))
    book.find(ids[0]!, 1)
    book.begin(token(), 2)
    expect(book.size).toBe(SESSIONS_MAX)
    expect(book.find(ids[0]!, 3, "overview")).toBeDefined()
    expect(book.find(ids[1]!, 3, "overview")).toBeUndefined()
  })

  it("ends those of tokens that are gone", () => {
    const book = new SessionBook()
    const [one, two] = [book.begin(token("1"), 0), book.begin(token("2"), 0)]
    book.keepOnly(new Map([["2", null]]))
    expect([book.find(one, 0), book.find(two, 0)?.token.id]).toEqual([undefined, "2"])
  })

  it("lets none live longer than its token, also if it got its end later", () => {
    const book = new SessionBook()
    const [one, two] = [book.begin(token("1", 1_000), 0), book.begin(token("2"), 0)]
    expect(book.find(one, 999)?.expiresAt).toBe(1_000)
    expect(book.find(one, 1_000)).toBeUndefined()
    book.keepOnly(new Map([["2", 2_000]]))
    expect(book.find(two, 1_999)).toBeDefined()
    expect(book.find(two, 2_000)).toBeUndefined()
  })

  it("gives ids and proofs that differ, and a proof only to its own session", () => {
    const book = new SessionBook()
    const [one, two] = [book.begin(token(), 0), book.begin(token(), 0)]
    const [first, second] = [book.find(one, 0)!, book.find(two, 0)!]
    expect(new Set([one, two, first.proof, second.proof]).size).toBe(4)
    expect(isProof(first, first.proof)).toBe(true)
    for (const wrong of [second.proof, one, "", undefined, first.proof.slice(1), `${first.proof}x`]) {
      expect(isProof(first, wrong)).toBe(false)
    }
  })
})

describe("Limits of failed sign-ins", () => {
  it("hold for each source and for all together, and never for more than a minute", () => {
    const attempts = fc.array(fc.record({ source: fc.integer({ min: 0, max: 20 }), wait: fc.nat(5_000) }), {
      maxLength: 300
    })
    fc.assert(
      fc.property(attempts, (all) => {
        const limits = new SignInLimits()
        let now = 0
        const passed: Array<{ source: string; now: number }> = []
        for (const { source, wait } of all) {
          now += wait
          const left = limits.wait(String(source), now)
          expect(left).toBeLessThanOrEqual(60_000)
          if (left > 0) continue
          limits.tried(String(source))
          passed.push({ source: String(source), now })
        }
        // Windows do not overlap, so that any minute has at most two of them.
        for (const { now: end, source } of passed) {
          const recent = passed.filter((one) => one.now <= end && one.now > end - 60_000)
          expect(recent.length).toBeLessThanOrEqual(2 * IN_ALL)
          expect(recent.filter((one) => one.source === source).length).toBeLessThanOrEqual(2 * PER_SOURCE)
        }
      })
    )
  })
})
