import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { NudgeQueue, type Waiting } from "../../actors/NudgeQueue.ts"
import type { UserNumber } from "../../schemas/Ids.ts"

const one = (user: number, host: number, from = 0, reason: Waiting["reason"] = "overdue"): Waiting => ({
  user: `${user}` as UserNumber,
  host,
  reason,
  since: 0,
  from
})
const users = (taken: ReadonlyArray<Waiting>) => taken.map(({ user }) => Number(user))
const none = () => false

describe("silent pushes that wait", () => {
  it("leave one host after the other, in their order", () => {
    const queue = new NudgeQueue()
    for (const user of [1, 2, 3, 4]) queue.add(one(user, 1))
    queue.add(one(5, 2))
    queue.add(one(6, 3, 0, "credentials"))
    expect(users(queue.take(4, 0, none))).toEqual([1, 5, 6, 2])
    expect(users(queue.take(4, 0, none))).toEqual([3, 4])
    expect(queue.size).toBe(0)
  })

  it("let no host go first again and again", () => {
    const queue = new NudgeQueue()
    for (const user of [1, 2, 3]) queue.add(one(user, 1))
    for (const user of [4, 5, 6]) queue.add(one(user, 2))
    const taken = Array.from({ length: 6 }, () => users(queue.take(1, 0, none))[0])
    expect(taken).toEqual([1, 4, 2, 5, 3, 6])
  })

  it("stay while their host is held, but for those because of credentials", () => {
    const queue = new NudgeQueue()
    queue.add(one(1, 1))
    queue.add(one(2, 1, 0, "credentials"))
    queue.add(one(3, 2))
    expect(users(queue.take(9, 0, (host) => host === 1)).sort()).toEqual([2, 3])
    expect(users(queue.take(9, 0, none))).toEqual([1])
  })

  it("stay until their time has come, and a newer one takes the place of an older one", () => {
    const queue = new NudgeQueue()
    queue.add(one(1, 1, 100))
    queue.add(one(2, 1, 200))
    expect(users(queue.take(9, 150, none))).toEqual([1])
    queue.add(one(2, 7, 300))
    queue.add(one(3, 1, 300))
    queue.remove("3" as UserNumber)
    expect(queue.size).toBe(1)
    expect(users(queue.take(9, 250, none))).toEqual([])
    expect(users(queue.take(9, 300, none))).toEqual([2])
  })

  it("each leave once, never more than asked for, whatever is added, removed and held", () => {
    const step = fc.record({ user: fc.nat(20), host: fc.nat(3), removes: fc.boolean(), takes: fc.nat(3) })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const queue = new NudgeQueue()
        const waiting = new Map<number, number>()
        steps.forEach(({ host, removes, takes, user }, at) => {
          if (removes) queue.remove(`${user}` as UserNumber)
          else queue.add(one(user, host, at))
          if (removes) waiting.delete(user)
          else waiting.set(user, host)
          const taken = queue.take(takes, at, (held) => held === 0)
          const free = [...waiting.values()].filter((other) => other !== 0).length
          expect(taken.length).toBe(Math.min(takes, free))
          for (const { host: from, user: left } of taken) {
            expect(waiting.get(Number(left))).toBe(from)
            waiting.delete(Number(left))
          }
          expect(queue.size).toBe(waiting.size)
        })
      })
    )
  })
})
