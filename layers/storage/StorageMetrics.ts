import { Metric, MetricBoundaries } from "effect"

const secondsHistogram = Metric.histogram(
  "ens_storage_seconds",
  MetricBoundaries.fromIterable([0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]),
  "Seconds that storage took for an operation, successful or not."
)

const failuresCounter = Metric.counter("ens_storage_failures_total", {
  description: "Storage operations that failed.",
  incremental: true
})

/** What is measured of one method of storage, outside of a fiber. */
export class OperationMetrics {
  readonly #seconds: Metric.Metric.Histogram<number>
  readonly #failures: Metric.Metric.Counter<number>

  constructor(operation: string) {
    this.#seconds = Metric.tagged(secondsHistogram, "operation", operation)
    this.#failures = Metric.tagged(failuresCounter, "operation", operation)
  }

  took(seconds: number): void {
    this.#seconds.unsafeUpdate(seconds, [])
  }

  failed(): void {
    this.#failures.unsafeUpdate(1, [])
  }
}
