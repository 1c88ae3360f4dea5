import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { EVERY, Mailbox } from "../../actors/Mailbox.ts"

const drain = (mailbox: Mailbox<number>): Array<number> => {
  const taken: Array<number> = []
  for (let m = mailbox.take(); m !== undefined; m = mailbox.take()) taken.push(m)
  return taken
}

describe("a mailbox", () => {
  it("refuses requests beyond its capacity and takes them again when one has left", () => {
    const mailbox = new Mailbox<number>(2)
    expect([1, 2, 3].map((m) => mailbox.offer(m))).toEqual([true, true, false])
    mailbox.take()
    expect(mailbox.offer(4)).toBe(true)
    expect(drain(mailbox)).toEqual([2, 4])
  })

  it("gives system messages first, and of a kind the latest in the place of the first", () => {
    const mailbox = new Mailbox<number>(1)
    mailbox.offer(1)
    expect(mailbox.offerSystem(3, 10)).toBe(true)
    expect(mailbox.offerSystem(EVERY, 11)).toBe(true)
    expect(mailbox.offerSystem(3, 12)).toBe(false)
    expect(mailbox.offerSystem(EVERY, 13)).toBe(true)
    expect(mailbox.size).toBe(4)
    expect(drain(mailbox)).toEqual([12, 11, 13, 1])
  })

  it("signals a parked fiber once, and only the latest", () => {
    const mailbox = new Mailbox<number>(8)
    const signals: Array<string> = []
    mailbox.park({ resume: () => signals.push("dead"), die: () => undefined })
    mailbox.park({ resume: () => signals.push("alive"), die: () => undefined })
    mailbox.offer(1)
    mailbox.offer(2)
    expect(signals).toEqual(["alive"])
  })

  it("holds no arrays when it is empty", () => {
    const mailbox = new Mailbox<number>(8)
    for (let round = 0; round < 3; round++) {
      mailbox.offer(1)
      mailbox.offerSystem(1, 2)
      drain(mailbox)
      expect(Object.values(mailbox).filter(Array.isArray)).toEqual([])
    }
  })

  it("keeps nothing of what has left, also if it never runs empty", () => {
    const mailbox = new Mailbox<number>(4)
    mailbox.offer(0)
    for (let n = 1; n < 1000; n++) {
      mailbox.offer(n)
      expect(mailbox.take()).toBe(n - 1)
      expect(mailbox.size).toBe(1)
    }
    const arrays = Object.values(mailbox).filter(Array.isArray)
    expect(arrays.every((array) => array.length <= 8)).toBe(true)
  })

  it("agrees with two plain lists under any sequence of calls", () => {
    const call = fc.record({ op: fc.constantFrom("offer", "system", "take"), kind: fc.nat(3) })
    fc.assert(
      fc.property(fc.array(call, { maxLength: 200, size: "max" }), (calls) => {
        const mailbox = new Mailbox<number>(5)
        const requests: Array<number> = []
        const lane: Array<{ kind: number; m: number }> = []
        calls.forEach(({ op, kind }, m) => {
          const waiting = kind === EVERY ? undefined : lane.find((entry) => entry.kind === kind)
          if (op === "offer") {
            expect(mailbox.offer(m)).toBe(requests.length < 5)
            if (requests.length < 5) requests.push(m)
          } else if (op === "system") {
            expect(mailbox.offerSystem(kind, m)).toBe(waiting === undefined)
            if (waiting === undefined) lane.push({ kind, m })
            else waiting.m = m
          } else {
            expect(mailbox.take()).toBe(lane.length > 0 ? lane.shift()!.m : requests.shift())
          }
          expect(mailbox.size).toBe(requests.length + lane.length)
          expect(mailbox.isEmpty).toBe(mailbox.size === 0)
        })
      })
    )
  })
})
