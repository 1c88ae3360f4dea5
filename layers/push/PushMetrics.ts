import { Metric, MetricBoundaries } from "effect"
import type { Verdict } from "../../schemas/Push.ts"
import type { GatewayName } from "../../schemas/Settings.ts"
import type { FailureReason } from "./FailureReason.ts"

/** Metrics of the push stage. Labels are names of gateways, verdicts and reasons: few, and known beforehand. */

/** What the counters and distributions of one gateway are counted in, looked up once. */
export const of = (name: GatewayName) => {
  const failed = new Map<FailureReason, Metric.Metric.Counter<number>>()
  return {
    verdict: {
      Delivered: verdicts(name, "Delivered"),
      TokenDead: verdicts(name, "TokenDead"),
      RetryLater: verdicts(name, "RetryLater"),
      Rejected: verdicts(name, "Rejected"),
      GatewayDown: verdicts(name, "GatewayDown")
    },
    failure: (reason: FailureReason) => {
      const known = failed.get(reason)
      if (known !== undefined) return known
      const made = failures(name, reason)
      failed.set(reason, made)
      return made
    },
    superseded: superseded(name),
    retries: retries(name),
    waiting: waiting(name),
    underWay: underWay(name),
    down: down(name),
    batchSize: batchSize(name),
    seconds: seconds(name)
  }
}

/** Notifications that left the stage, by gateway and verdict. */
export const verdicts = (gateway: GatewayName, verdict: Verdict["_tag"]) =>
  Metric.tagged(Metric.tagged(verdictCounter, "gateway", gateway), "verdict", verdict)

/** Notifications that were not delivered, by gateway and reason. One that is tried again counts each time. */
export const failures = (gateway: GatewayName, reason: FailureReason) =>
  Metric.tagged(Metric.tagged(failureCounter, "gateway", gateway), "reason", reason)

/** Tries after the first. */
export const retries = (gateway: GatewayName) => Metric.tagged(retryCounter, "gateway", gateway)

/** Badges that were not sent because a later number came. */
export const superseded = (gateway: GatewayName) => Metric.tagged(supersededCounter, "gateway", gateway)

/** Requests under way. */
export const underWay = (gateway: GatewayName) => Metric.tagged(underWayGauge, "gateway", gateway)

/** 1 while requests are under way and none is answered for conspicuously long. Set when somebody looks. */
export const stalled = (gateway: GatewayName) => Metric.tagged(stalledGauge, "gateway", gateway)

/** Seconds that the one has waited which waits longest for a slot. Set when somebody looks. */
export const oldestWaiting = (gateway: GatewayName) => Metric.tagged(oldestGauge, "gateway", gateway)

/** Notifications that wait for a slot. */
export const waiting = (gateway: GatewayName) => Metric.tagged(waitingGauge, "gateway", gateway)

/** 1 while the gateway is known to be down. */
export const down = (gateway: GatewayName) => Metric.tagged(downGauge, "gateway", gateway)

/** How many notifications a request carried. */
export const batchSize = (gateway: GatewayName) => Metric.tagged(batchHistogram, "gateway", gateway)

/** How long a gateway took for a request. */
export const seconds = (gateway: GatewayName) => Metric.tagged(secondsHistogram, "gateway", gateway)

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
