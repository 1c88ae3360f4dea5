import { Metric, MetricBoundaries } from "effect"

const SECONDS = MetricBoundaries.fromIterable([
  0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
])

/** What somebody who comes at any moment waits before the event loop looks at it. */
export const loopDelay = Metric.histogram(
  "ens_event_loop_delay_seconds",
  SECONDS,
  "How long what comes in waits for the event loop, looked at every 20 ms."
)
export const loopLongest = Metric.gauge("ens_event_loop_delay_longest_seconds", {
  description: "The longest standstill of the event loop in the last 30 to 60 seconds."
})
export const loopStalls = Metric.counter("ens_event_loop_stalls_total", {
  description: "Standstills of the event loop of a second or more.",
  incremental: true
})

const pauses = Metric.histogram(
  "ens_gc_pause_seconds",
  SECONDS,
  "Pauses for garbage collection, by its kind (minor, major, incremental: a step of a major one, weak)."
)
const byKind = new Map<string, typeof pauses>()

/** Pauses of this kind. */
export const gcPause = (kind = "other"): typeof pauses => {
  const known = byKind.get(kind)
  if (known !== undefined) return known
  const made = Metric.tagged(pauses, "kind", kind)
  byKind.set(kind, made)
  return made
}
