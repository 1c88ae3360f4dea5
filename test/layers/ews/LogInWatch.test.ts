import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import {
  FRESH,
  LAST_USERS,
  LogInWatch,
  REFUSED_USERS,
  REST,
  RESTING_MAX
} from "../../../layers/ews/LogInWatch.ts"
import type { UserNumber } from "../../../schemas/Ids.ts"

const user = (number: number) => String(number) as UserNumber
const tried = (number: number, startedAt = 0, probe = false) => ({ user: user(number), startedAt, probe })

/** The users from `from` on are refused, one after the other, until that is taken to be the host's fault; how many it took. */
const refuseUntilTrouble = (watch: LogInWatch, from: number, now = 0): number => {
  for (let count = 1; count <= LAST_USERS; count += 1) {
    watch.refused(tried(from + count, now), now)
    if (watch.trouble !== undefined) return count
  }
  return Number.POSITIVE_INFINITY
}

describe("Refused log-ins of a host", () => {
  it("are its own fault after five users, if nobody was let in", () => {
    expect(refuseUntilTrouble(new LogInWatch(), 0)).toBe(REFUSED_USERS)
  })

  it("are its own fault after six, however many were let in before", () => {
    const watch = new LogInWatch()
    for (let number = 1; number <= 5_000; number += 1) watch.letIn(tried(number), 0)
    expect(refuseUntilTrouble(watch, 5_000)).toBe(6)
  })

  it("are the users' as long as most are let in", () => {
    const watch = new LogInWatch()
    for (let number = 1; number <= 1_000; number += 1) {
      if (number % 2 === 0) watch.refused(tried(number), 0)
      else watch.letIn(tried(number), 0)
      expect(watch.trouble).toBeUndefined()
    }
  })

  it("are the users' if these are fewer than five, however often they try", () => {
    const users = fc.integer({ min: 1, max: REFUSED_USERS - 1 })
    fc.assert(
      fc.property(fc.array(users, { maxLength: 200 }), (numbers) => {
        const watch = new LogInWatch()
        for (const [now, number] of numbers.entries()) watch.refused(tried(number, now), now)
        expect(watch.trouble).toBeUndefined()
      })
    )
  })

  it("are the users' when days lie between them", () => {
    const watch = new LogInWatch()
    for (let number = 1; number <= 50; number += 1) watch.refused(tried(number), (number * FRESH) / 4)
    expect(watch.trouble).toBeUndefined()
  })
})

describe("A host that refuses the log-ins of most users", () => {
  const inTrouble = () => {
    const watch = new LogInWatch()
    refuseUntilTrouble(watch, 0)
    return watch
  }

  it("is asked by one probe at a time, after 5, 10, 20, 20 s", () => {
    const watch = inTrouble()
    const probes: Array<number> = []
    for (let now = 0; now <= 100_000; now += 1_000) {
      const admission = watch.admit(user(100 + now), false, now)
      if (admission !== "Probe") continue
      probes.push(now)
      expect(watch.admit(user(99), false, now)).toBe("Refuse")
      watch.refused({ user: user(100 + now), startedAt: now, probe: true }, now)
    }
    expect(probes).toEqual([5_000, 15_000, 35_000, 55_000, 75_000, 95_000])
  })

  it("is not asked for the same user again within ten minutes", () => {
    const watch = inTrouble()
    expect(watch.admit(user(20), false, 5_000)).toBe("Probe")
    watch.refused(tried(20, 5_000, true), 5_000)
    for (const attended of [false, true]) {
      expect(watch.admit(user(20), attended, 5_000 + REST - 1)).toBe("Refuse")
    }
    expect(watch.admit(user(20), false, 5_000 + REST)).toBe("Probe")
  })

  it("is asked at once with what a person has just given", () => {
    expect(inTrouble().admit(user(20), true, 0)).toBe("Send")
  })

  it("is found again when a probe finds out nothing", () => {
    const watch = inTrouble()
    expect(watch.admit(user(20), false, 5_000)).toBe("Probe")
    watch.endProbe()
    expect(watch.admit(user(20), false, 5_000)).toBe("Probe")
  })

  it("is as before once it has let somebody in, but not by a call from before", () => {
    const watch = inTrouble()
    watch.letIn(tried(30, -1), 1_000)
    expect(watch.trouble).toBeDefined()
    expect(watch.admit(user(20), false, 5_000)).toBe("Probe")
    watch.letIn(tried(20, 5_000, true), 5_000)
    expect(watch.trouble).toBeUndefined()
    expect(watch.admit(user(1), false, 5_000)).toBe("Send")
  })

  it("is known again at once if it goes on refusing, and no more when most were let in since", () => {
    const watch = inTrouble()
    watch.letIn(tried(20, 1), 1)
    watch.refused(tried(21, 2), 2)
    expect(watch.trouble).toBeDefined()
    for (let number = 30; number < 30 + LAST_USERS; number += 1) watch.letIn(tried(number, 3), 3)
    watch.refused(tried(22, 4), 4)
    expect(watch.trouble).toBeUndefined()
  })

  it("remembers a bounded number of those who were refused meanwhile", () => {
    const watch = inTrouble()
    for (let number = 100; number <= 100 + RESTING_MAX; number += 1) watch.refused(tried(number, 1), 1)
    expect(watch.admit(user(100), true, 2)).toBe("Send")
    expect(watch.admit(user(101), true, 2)).toBe("Refuse")
  })
})
