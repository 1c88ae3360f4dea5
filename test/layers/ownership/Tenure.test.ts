import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import {
  ANSWER_WITHIN,
  ASK_AGAIN,
  failed,
  granted,
  LEASE,
  type Moment,
  RENEW_EVERY,
  renewed,
  roleAt,
  type Tenure
} from "../../../layers/ownership/Tenure.ts"

const at = (ms: number, wall = ms): Moment => ({ monotonic: ms, wall })

/** Asked and answered at the same time; every renewal from 5 s to `until` failed. */
const cutOffAt = (until: number): Tenure => {
  let tenure = granted(1, at(0), at(0))
  for (let ms = RENEW_EVERY; ms <= until; ms += 3_000) tenure = failed(tenure, at(ms), at(ms + 2_000))
  return tenure
}

describe("a tenure", () => {
  it("counts from when it was asked for, and ends 2 s before the database says so, by whichever clock is ahead", () => {
    const tenure = granted(1, at(1_000), at(3_000))
    expect(roleAt(tenure, at(28_999))).toBe("active")
    expect(roleAt(tenure, at(29_000))).toBe("standby")
    expect(roleAt(tenure, at(4_000, 29_000))).toBe("standby")
    expect(roleAt(tenure, at(29_000, 4_000))).toBe("standby")
    expect(roleAt(undefined, at(0))).toBe("standby")
  })

  it("that cannot be renewed leaves the node active first, then cut off, and active again with the same number", () => {
    const tenure = cutOffAt(40_000)
    expect(roleAt(cutOffAt(20_000), at(24_000))).toBe("active")
    expect(roleAt(tenure, at(42_000))).toBe("cut off")
    const again = renewed(tenure, at(43_000), at(43_100))
    expect(again.epoch).toBe(1)
    expect(roleAt(again, at(43_100))).toBe("active")
  })

  it("of a process that stood still is nothing until a renewal succeeds, even if that fails first", () => {
    const tenure = cutOffAt(40_000)
    const ended = tenure.heardAt.monotonic
    expect(roleAt(tenure, at(ended + 10_000))).toBe("standby")
    expect(roleAt(tenure, at(ended + 100, ended + 10_000))).toBe("standby")
    const tried = failed(tenure, at(ended + 60_000), at(ended + 61_000))
    expect(roleAt(tried, at(ended + 61_000))).toBe("standby")
    expect(roleAt(renewed(tried, at(ended + 62_000), at(ended + 62_000)), at(ended + 62_000))).toBe("active")
  })

  it("of a process that stood still during the question that failed is nothing either", () => {
    const tenure = failed(granted(1, at(0), at(0)), at(5_000), at(60_000))
    expect(roleAt(tenure, at(60_000))).toBe("standby")
  })

  it("survives a pause within the lease", () => {
    let tenure = failed(granted(1, at(0), at(0)), at(15_000), at(17_000))
    for (let ms = 18_000; ms < 30_000; ms += 3_000) tenure = failed(tenure, at(ms), at(ms + 2_000))
    expect(roleAt(tenure, at(31_000))).toBe("cut off")
  })
})

/** What happens in one step of a schedule, to node 0 or 1. */
interface Step {
  readonly node: number
  /** Before it (ms). */
  readonly pause: number
  /** How long the database takes to look at a question, and its answer to come back (ms). */
  readonly there: number
  readonly back: number
  readonly fate: "answered" | "reply lost" | "unreachable"
  /** The node stands still, or its machine is suspended (then its monotonic clock does too). */
  readonly still: "" | "frozen" | "suspended"
}

const step: FastCheck.Arbitrary<Step> = FastCheck.record({
  node: FastCheck.integer({ min: 0, max: 1 }),
  pause: FastCheck.oneof(
    FastCheck.integer({ min: 0, max: 6_000 }),
    FastCheck.integer({ min: 0, max: 60_000 })
  ),
  there: FastCheck.integer({ min: 0, max: 4_000 }),
  back: FastCheck.oneof(
    FastCheck.integer({ min: 0, max: 2_000 }),
    FastCheck.integer({ min: 0, max: 50_000 })
  ),
  fate: FastCheck.constantFrom("answered", "answered", "answered", "reply lost", "unreachable"),
  still: FastCheck.constantFrom("", "", "", "frozen", "suspended")
})

/** The database's row, in its own time, which is the model's. */
interface Row {
  holder: number | undefined
  epoch: number
  expiresAt: number
}

class ModelNode {
  readonly name: number
  tenure: Tenure | undefined
  /** What the wall clock is ahead of the database's. */
  readonly #skew: number
  #asleep = 0

  constructor(name: number, skew: number) {
    this.name = name
    this.#skew = skew
  }

  clocks(time: number): Moment {
    return { monotonic: time - this.#asleep, wall: time + this.#skew }
  }

  suspended(ms: number): void {
    this.#asleep += ms
  }

  /** Asks at `asked`, is looked at at `seen`, hears at `heard`. */
  ask(row: Row, asked: Moment, seen: number, fate: Step["fate"]): (heard: Moment) => void {
    const tenure = this.tenure
    const mayTake = row.expiresAt <= seen || row.holder === this.name
    let answer: "lost" | "renewed" | "held" | "granted"
    if (tenure !== undefined) answer = row.epoch === tenure.epoch ? "renewed" : "lost"
    else answer = mayTake ? "granted" : "held"
    if (fate !== "unreachable" && (answer === "granted" || answer === "renewed")) {
      row.holder = this.name
      row.epoch += answer === "granted" ? 1 : 0
      row.expiresAt = seen + LEASE
    }
    const epoch = row.epoch
    return (heard) => {
      if (fate !== "answered") this.tenure = tenure === undefined ? undefined : failed(tenure, asked, heard)
      else if (answer === "renewed") this.tenure = renewed(tenure!, asked, heard)
      else this.tenure = answer === "granted" ? granted(epoch, asked, heard) : undefined
    }
  }
}

describe("two nodes", () => {
  it("are never active at once, whatever is slow, lost, frozen, suspended or skewed", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(step, { maxLength: 60 }),
        FastCheck.integer({ min: -3_600_000, max: 3_600_000 }),
        (steps, skew) => {
          const row: Row = { holder: undefined, epoch: 0, expiresAt: 0 }
          const nodes = [new ModelNode(0, 0), new ModelNode(1, skew)]
          const hearing: Array<{
            readonly time: number
            readonly node: ModelNode
            readonly hear: (heard: Moment) => void
          }> = []
          let time = 1_000
          const both = () =>
            expect(
              nodes.filter((node) => roleAt(node.tenure, node.clocks(time)) === "active").length
            ).toBeLessThan(2)
          /** Somebody may look at any moment. */
          const until = (end: number) => {
            while (time < end) {
              time = Math.min(end, time + 500)
              for (const due of hearing.filter((one) => one.time <= time)) {
                hearing.splice(hearing.indexOf(due), 1)
                due.hear(due.node.clocks(time))
              }
              both()
            }
          }
          for (const { back, fate, node: index, pause, still, there } of steps) {
            const node = nodes[index]!
            if (still === "suspended") node.suspended(pause)
            until(time + pause)
            // One question at a time.
            if (hearing.some((one) => one.node === node)) continue
            const asked = node.clocks(time)
            until(time + there)
            hearing.push({ time: time + back, node, hear: node.ask(row, asked, time, fate) })
          }
          until(time + 120_000)
        }
      ),
      { numRuns: 500 }
    )
  })

  it("change places within 32 s after the active one was killed", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 0, max: 100_000 }),
        FastCheck.integer({ min: 0, max: 999 }),
        FastCheck.integer({ min: 0, max: 900 }),
        (killedAt, phase, takes) => {
          const row: Row = { holder: undefined, epoch: 0, expiresAt: 0 }
          const [first, second] = [new ModelNode(0, 0), new ModelNode(1, 77_000)]
          for (let time = 0; time <= killedAt; time += RENEW_EVERY)
            first.ask(row, first.clocks(time), time, "answered")(first.clocks(time))
          for (let time = killedAt + phase; ; time += ASK_AGAIN) {
            second.ask(row, second.clocks(time), time, "answered")(second.clocks(time + takes))
            if (roleAt(second.tenure, second.clocks(time + takes)) === "active") {
              expect(time + takes - killedAt).toBeLessThanOrEqual(LEASE + 2 * ASK_AGAIN)
              expect(roleAt(first.tenure, first.clocks(time + takes))).toBe("standby")
              return
            }
          }
        }
      )
    )
  })

  it("ask often enough that a process that works is never taken for one that stood still", () => {
    expect(RENEW_EVERY + ANSWER_WITHIN).toBeLessThan(10_000)
  })
})
