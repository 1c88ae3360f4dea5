import { Metric, MetricBoundaries, MetricLabel } from "effect"
import type { Verdict } from "../../schemas/Push.ts"
import type { GatewayName } from "../../schemas/Settings.ts"
import type { FailureReason } from "./FailureReason.ts"

/** Metrics of the push stage. Labels are names of gateways, verdicts and reasons: few, and known beforehand. */

/** Notifications that were answered, by gateway and verdict. One that is tried again counts each time. */
export const verdicts = (gateway: GatewayName, verdict: Verdict["_tag"]) =>
  Metric.taggedWithLabels(verdictCounter, labels({ gateway, verdict }))

/** Those of them that were not delivered, by gateway and reason. */
export const failures = (gateway: GatewayName, reason: FailureReason) =>
  Metric.taggedWithLabels(failureCounter, labels({ gateway, reason }))

/** Tries after the first. */
export const retries = (gateway: GatewayName) => Metric.taggedWithLabels(retryCounter, labels({ gateway }))

/** 1 while the gateway is known to be down. */
export const down = (gateway: GatewayName) => Metric.taggedWithLabels(downGauge, labels({ gateway }))

/** 1 while requests are under way and none is answered for conspicuously long. Set when somebody looks. */
export const stalled = (gateway: GatewayName) => Metric.taggedWithLabels(stalledGauge, labels({ gateway }))

/** Seconds that the one has waited which waits longest for a slot. Set when somebody looks. */
export const oldestWaiting = (gateway: GatewayName) =>
  Metric.taggedWithLabels(oldestGauge, labels({ gateway }))

/** Sets or adds to the metrics of one gateway. */
export interface StageMeter {
  readonly answered: (verdict: Verdict["_tag"]) => void
  readonly failed: (reason: FailureReason) => void
  readonly retried: () => void
  /** A badge was not sent because a later number came. */
  readonly superseded: () => void
  readonly waiting: (notifications: number) => void
  readonly underWay: (requests: number) => void
  readonly down: (isDown: boolean) => void
  /** A request was made, and was answered after so many seconds. */
  readonly batch: (size: number) => void
  readonly took: (seconds: number) => void
}

export const meterOf = (gateway: GatewayName): StageMeter => {
  const own = labels({ gateway })
  const byVerdict = remembering((verdict) => labels({ gateway, verdict }))
  const byReason = remembering((reason) => labels({ gateway, reason }))
  return {
    answered: (verdict) => verdictCounter.unsafeUpdate(1, byVerdict(verdict)),
    failed: (reason) => failureCounter.unsafeUpdate(1, byReason(reason)),
    retried: () => retryCounter.unsafeUpdate(1, own),
    superseded: () => supersededCounter.unsafeUpdate(1, own),
    waiting: (notifications) => waitingGauge.unsafeUpdate(notifications, own),
    underWay: (requests) => underWayGauge.unsafeUpdate(requests, own),
    down: (isDown) => downGauge.unsafeUpdate(isDown ? 1 : 0, own),
    batch: (size) => batchHistogram.unsafeUpdate(size, own),
    took: (seconds) => secondsHistogram.unsafeUpdate(seconds, own)
  }
}

type Labels = ReadonlyArray<MetricLabel.MetricLabel>

const labels = (tags: Readonly<Record<string, string>>): Labels =>
  Object.entries(tags).map(([name, value]) => MetricLabel.make(name, value))

/** A metric finds its value by the very array of labels at once, and by labels that are equal only with some work. */
const remembering = (labelsOf: (value: string) => Labels): ((value: string) => Labels) => {
  const known = new Map<string, Labels>()
  return (value) => {
    const found = known.get(value) ?? labelsOf(value)
    known.set(value, found)
    return found
  }
}

const verdictCounter = Metric.counter("ens_push_notifications_total", {
  description: "Notifications handed to a push gateway, by gateway and verdict.",
  incremental: true
})

const failureCounter = Metric.counter("ens_push_failures_total", {
  description: "Notifications that a push gateway did not deliver, by gateway and reason.",
  incremental: true
})

const retryCounter = Metric.counter("ens_push_retries_total", {
  description: "Tries of a notification after its first.",
  incremental: true
})

const supersededCounter = Metric.counter("ens_push_superseded_total", {
  description: "Badges that were not sent because a later number came.",
  incremental: true
})

const underWayGauge = Metric.gauge("ens_push_requests_under_way", {
  description: "Requests to the push gateway that are not answered yet."
})

const stalledGauge = Metric.gauge("ens_push_gateway_stalled", {
  description: "1 while requests are under way and none is answered for conspicuously long, else 0."
})

const oldestGauge = Metric.gauge("ens_push_oldest_waiting_seconds", {
  description: "How long the notification has waited that waits longest for a free slot."
})

const waitingGauge = Metric.gauge("ens_push_waiting", {
  description: "Notifications that wait for a free slot of their push gateway."
})

const downGauge = Metric.gauge("ens_push_gateway_down", {
  description: "1 while the push gateway is known to be down, else 0."
})

const batchHistogram = Metric.histogram(
  "ens_push_batch_size",
  MetricBoundaries.fromIterable([1, 2, 5, 10, 25, 50, 100, 500]),
  "Notifications per request to a push gateway."
)

const secondsHistogram = Metric.histogram(
  "ens_push_request_seconds",
  MetricBoundaries.fromIterable([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]),
  "Seconds that a push gateway took for a request."
)
