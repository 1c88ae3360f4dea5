import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck, Metric, MetricBoundaries } from "effect"
import { render, scrape } from "../../../layers/telemetry/Prometheus.ts"

/** What `scrape` says of the metrics whose name starts so; the registry is shared by the whole process. */
const linesOf = (prefix: string) =>
  Effect.map(scrape, (text) =>
    text.split("\n").filter((line) => line.replace(/^# \w+ /, "").startsWith(prefix))
  )

describe("Prometheus's text form", () => {
  it.effect("states help and type once a family, and a line for each set of labels", () =>
    Effect.gen(function* () {
      const counter = Metric.counter("t1_requests_total", {
        description: "Requests\nof \\ all",
        incremental: true
      })
      yield* Metric.update(Metric.tagged(counter, "code", "a"), 2)
      yield* Metric.update(Metric.tagged(counter, "code", "b"), 3)
      expect(yield* linesOf("t1_")).toEqual([
        "# HELP t1_requests_total Requests\\nof \\\\ all",
        "# TYPE t1_requests_total counter",
        't1_requests_total{code="a"} 2',
        't1_requests_total{code="b"} 3'
      ])
    })
  )

  it.effect("shows gauges without labels, whole and broken numbers", () =>
    Effect.gen(function* () {
      yield* Metric.set(Metric.gauge("t2_gauge"), -1.5)
      yield* Metric.set(Metric.gauge("t2_big", { bigint: true }), 12345678901234567890n)
      expect(yield* linesOf("t2_")).toEqual([
        "# TYPE t2_big gauge",
        "t2_big 12345678901234567890",
        "# TYPE t2_gauge gauge",
        "t2_gauge -1.5"
      ])
    })
  )

  it.effect("cumulates histograms and ends them with +Inf", () =>
    Effect.gen(function* () {
      const histogram = Metric.histogram("t3_seconds", MetricBoundaries.fromIterable([0.1, 1]), "Seconds")
      for (const value of [0.05, 0.5, 0.6, 7]) yield* Metric.update(histogram, value)
      expect(yield* linesOf("t3_")).toEqual([
        "# HELP t3_seconds Seconds",
        "# TYPE t3_seconds histogram",
        't3_seconds_bucket{le="0.1"} 1',
        't3_seconds_bucket{le="1"} 3',
        't3_seconds_bucket{le="+Inf"} 4',
        "t3_seconds_sum 8.15",
        "t3_seconds_count 4"
      ])
    })
  )

  it.effect("shows summaries and frequencies", () =>
    Effect.gen(function* () {
      const summary = Metric.summary({
        name: "t4_summary",
        maxAge: "1 minute",
        maxSize: 10,
        error: 0,
        quantiles: [0.5]
      })
      for (const value of [2, 2, 2]) yield* Metric.update(summary, value)
      yield* Metric.update(Metric.frequency("t4_words"), 'a"b')
      expect(yield* linesOf("t4_")).toEqual([
        "# TYPE t4_summary summary",
        't4_summary{quantile="0.5"} 2',
        "t4_summary_sum 6",
        "t4_summary_count 3",
        "# TYPE t4_words counter",
        't4_words{value="a\\"b"} 1'
      ])
    })
  )

  it.effect.prop(
    "stays well-formed whatever labels say",
    [FastCheck.string(), FastCheck.string()],
    ([key, value]) =>
      Effect.gen(function* () {
        const pairs = yield* Effect.zipRight(
          Metric.update(Metric.tagged(Metric.counter("t5_any"), `k${key}`, value), 1),
          Metric.snapshot
        )
        for (const line of render(pairs)
          .split("\n")
          .filter((line) => line.startsWith("t5_"))) {
          expect(line).toMatch(/^t5_any\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*"\} \d+$/u)
        }
      })
  )
})
