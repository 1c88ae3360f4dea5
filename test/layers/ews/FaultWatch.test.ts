import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import type { WatchedCall } from "../../../layers/ews/CallWatch.ts"
import { HOSTS_MAX, makeFaultWatch } from "../../../layers/ews/FaultWatch.ts"
import type { StoryLine } from "../../../layers/ews/HostStory.ts"
import { LOOK_EVERY } from "../../../layers/net/ClockSkew.ts"
import { EwsUnreachable } from "../../../schemas/EwsError.ts"
import { answer } from "../../support/FakeHttpSessions.ts"

const NOW = 1_760_000_000_000

const make = Effect.map(Effect.clock, (clock) => {
  const watch = makeFaultWatch({ ...clock, unsafeCurrentTimeMillis: () => NOW })
  /** What a call at this moment leads to. `ahead`: of the host's clock, ms; undefined: it is not reached. */
  return (at: number, ahead: number | undefined, host = "mail.example.com"): ReadonlyArray<StoryLine> => {
    const lines: Array<StoryLine> = []
    const watching = watch.admit({ url: { host } } as WatchedCall, at)
    if (typeof watching !== "function") throw new Error("refused")
    const outcome =
      ahead === undefined
        ? Exit.fail(new EwsUnreachable({ operation: "Subscribe", host, reason: "gone", sent: false }))
        : Exit.succeed(answer(200, "", { date: new Date(NOW + ahead).toUTCString() }))
    expect(watching(outcome, at, (line) => lines.push(line))).toBe(outcome)
    return lines
  }
})

const skew = { level: "report", fault: "clock-skew", where: "mail.example.com" }

describe("the clock of an Exchange host", () => {
  it.effect("is looked at once a minute, and settled when it is right again", () =>
    Effect.gen(function* () {
      const call = yield* make
      expect(call(0, 10 * 60_000)).toEqual([{ ...skew, text: "its clock is 10 min ahead of ours" }])
      expect(call(LOOK_EVERY - 1, 10 * 60_000)).toEqual([])
      expect(call(LOOK_EVERY, 10 * 60_000)).toHaveLength(1)
      expect(call(2 * LOOK_EVERY, 0)).toEqual([{ ...skew, level: "settled", text: "" }])
      expect(call(3 * LOOK_EVERY, 0)).toEqual([])
    })
  )

  it.effect("is each host's own", () =>
    Effect.gen(function* () {
      const call = yield* make
      expect(call(0, 0, "a.example")).toEqual([])
      expect(call(1, -10 * 60_000, "b.example")).toHaveLength(1)
      for (let host = 0; host < HOSTS_MAX; host += 1) call(2, 0, `host-${host}`)
      // Forgotten meanwhile, so it is looked at again.
      expect(call(3, -10 * 60_000, "b.example")).toHaveLength(1)
    })
  )
})

describe("a host that answers", () => {
  it.effect("after it was out of reach has its troubles settled, once", () =>
    Effect.gen(function* () {
      const call = yield* make
      expect(call(0, 0)).toEqual([])
      expect(call(1, undefined)).toEqual([])
      const settled = call(2, 0)
      expect(settled.map(({ level }) => level)).toEqual(["settled", "settled", "settled"])
      expect(settled.map(({ fault }) => fault)).toContain("pin-mismatch")
      expect(call(3, 0)).toEqual([])
    })
  )
})
