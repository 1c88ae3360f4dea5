import { Metric, MetricBoundaries } from "effect"
import type { Verdict } from "../../schemas/Push.ts"
import type { GatewayName } from "../../schemas/Settings.ts"

/** Metrics of the push stage. Labels are the gateways' names and the verdicts': few, and known beforehand. */

/** Notifications that left the stage, by gateway and verdict. */
export const verdicts = (gateway: GatewayName, verdict: Verdict["_tag"]) =>
  Metric.tagged(Metric.tagged(verdictCounter, "gateway", gateway), "verdict", verdict)

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
