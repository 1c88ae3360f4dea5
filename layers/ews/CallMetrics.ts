import { Metric, MetricBoundaries, MetricLabel } from "effect"

/** A call took so long. `outcome`: `ok`, or the kind of error. */
export const tookSeconds = (operation: string, outcome: string, taken: number): void =>
  seconds.unsafeUpdate(taken, labelsOf(operation, outcome))

const seconds = Metric.histogram(
  "ens_ews_call_seconds",
  MetricBoundaries.fromIterable([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]),
  "Seconds that calls to Exchange and Autodiscover took, by operation and outcome (ok, or the kind of error)."
)

/** A metric finds its value by the very array of labels at once. Operations and errors are words of ours, so few. */
const known = new Map<string, ReadonlyArray<MetricLabel.MetricLabel>>()
const labelsOf = (operation: string, outcome: string): ReadonlyArray<MetricLabel.MetricLabel> => {
  const key = `${operation} ${outcome}`
  const found = known.get(key)
  if (found !== undefined) return found
  const made = [MetricLabel.make("operation", operation), MetricLabel.make("outcome", outcome)]
  known.set(key, made)
  return made
}
