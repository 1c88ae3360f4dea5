import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Metric, MetricBoundaries } from "effect"
import { MetricSums, quantileBetween } from "../../../src/console/MetricSums.ts"
import { LINES, type Point, SeriesRing } from "../../../src/console/SeriesRing.ts"

const point = (value: number | null): Point =>
  Object.fromEntries(LINES.map(({ name }) => [name, value])) as unknown as Point

describe("The series of the last hour", () => {
  it("keep the newest points, oldest first, with holes where nothing was measured", () => {
    const values = fc.array(fc.option(fc.double({ noNaN: true })), { maxLength: 30 })
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 10 }), (all, length) => {
        const ring = new SeriesRing(10, length)
        for (const [at, value] of all.entries()) ring.add(at, point(value))
        const { at, lines, step } = ring.series
        expect(step).toBe(10)
        expect(at).toEqual([...all.keys()].slice(-length))
        for (const line of lines) expect(line.values).toEqual(all.slice(-length))
      })
    )
  })
})

const histogram = Metric.histogram("test_series_seconds", MetricBoundaries.fromIterable([1, 2, 4]))
const counter = Metric.counter("test_series_total", { incremental: true })
const sums = Effect.map(Metric.snapshot, (pairs) => new MetricSums(pairs))

describe("Sums of metrics", () => {
  it.effect("add up what has the labels, and tell it apart by one of them", () =>
    Effect.gen(function* () {
      const tagged = (a: string, b: string) => counter.pipe(Metric.tagged("a", a), Metric.tagged("b", b))
      yield* Metric.update(tagged("x", "1"), 2)
      yield* Metric.update(tagged("x", "2"), 3)
      yield* Metric.update(tagged("y", "1"), 5)
      const all = yield* sums
      expect(all.sum("test_series_total")).toBe(10)
      expect(all.sum("test_series_total", { a: "x" })).toBe(5)
      expect([...all.by("test_series_total", "b", { a: "x" })]).toEqual([
        ["1", 2],
        ["2", 3]
      ])
      expect(all.sum("test_series_nothing")).toBe(0)
    })
  )

  it.effect("give a quantile of what came between two looks only", () =>
    Effect.gen(function* () {
      yield* Metric.update(histogram, 100)
      const before = (yield* sums).buckets("test_series_seconds")
      expect(quantileBetween(before, before, 0.5)).toBeNull()
      for (let n = 0; n < 10; n += 1) yield* Metric.update(histogram, 1.5)
      const after = (yield* sums).buckets("test_series_seconds")
      expect(quantileBetween(before, after, 0.5)).toBeCloseTo(1.5)
      expect(quantileBetween(before, after, 1)).toBe(2)
      yield* Metric.update(histogram, 100)
      const beyond = (yield* sums).buckets("test_series_seconds")
      expect(quantileBetween(after, beyond, 0.99)).toBe(4)
    })
  )
})
