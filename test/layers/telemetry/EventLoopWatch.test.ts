import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck, Logger, Metric, MetricState } from "effect"
import { loopDelay } from "../../../layers/telemetry/EventLoopMetrics.ts"
import * as EventLoopWatch from "../../../layers/telemetry/EventLoopWatch.ts"
import { type Pause, type Stall, storyOf } from "../../../layers/telemetry/Stall.ts"

const stall = (changes: Partial<Stall> = {}): Stall => ({
  began: 10_000,
  milliseconds: 5_200,
  processor: 5_000,
  others: 0,
  ...changes
})

describe("the story of a standstill", () => {
  it("says how long it was and what took the time", () => {
    expect(storyOf(stall(), [])).toBe("the event loop stood still for 5.2 s: ENS was busy for 5.0 s")
    expect(storyOf(stall(), [{ began: 10_100, milliseconds: 4_900 }])).toBe(
      "the event loop stood still for 5.2 s: garbage collection took 4.9 s"
    )
    expect(storyOf(stall({ processor: 20, others: 3 }), [])).toMatch(
      /5\.2 s, and 3 shorter ones: the process had a processor for 0\.0 s only/
    )
  })

  it("blames garbage collection for no more than what fell into it", () => {
    const anyPause = FastCheck.record<Pause>({
      began: FastCheck.integer({ min: 0, max: 30_000 }),
      milliseconds: FastCheck.integer({ min: 0, max: 30_000 })
    })
    FastCheck.assert(
      FastCheck.property(anyPause, (pause) => {
        const story = storyOf(stall(), [pause])
        const from = Math.max(pause.began, 10_000)
        const to = Math.min(pause.began + pause.milliseconds, 15_200)
        expect(story.includes("garbage collection")).toBe(to - from >= 2_600)
      })
    )
  })
})

it.scopedLive("a blocked event loop is measured, told to who listens, and warned of", () =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const heard: Array<number> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    const count = Effect.map(Metric.value(loopDelay), (state) =>
      MetricState.isHistogramState(state) ? state.count : 0
    )
    const before = yield* count
    yield* EventLoopWatch.make(({ late }) => void heard.push(late)).pipe(
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
    yield* Effect.sleep("50 millis")
    const until = performance.now() + 1_100
    while (performance.now() < until);
    while (lines.length === 0) yield* Effect.sleep("20 millis")
    expect(lines[0]).toMatch(/^the event loop stood still for \d/)
    expect(Math.max(...heard)).toBeGreaterThanOrEqual(1_000)
    // One sample for each moment somebody could have come in, not one for the whole standstill.
    expect((yield* count) - before).toBeGreaterThan(50)
  })
)
