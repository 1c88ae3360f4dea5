import { Metric } from "effect"

/** Metrics of Exchange hosts in trouble. No label names a host or a user. */

/** Hosts that are known to be down. */
export const hostsDown = Metric.gauge("ens_ews_hosts_down", {
  description: "Exchange hosts that are known to be down."
})

/** Calls that were not made, because the host is down or because Exchange asked for the user to wait. */
export const refused = (because: "host" | "user") => Metric.tagged(refusedCounter, "because", because)

/** How often Exchange asked for a user to wait. */
export const throttled = Metric.counter("ens_ews_throttled_total", {
  description: "Answers of Exchange hosts that asked for a user to wait.",
  incremental: true
})

const refusedCounter = Metric.counter("ens_ews_calls_refused_total", {
  description: "Calls to Exchange that were not made: the host is down, or the user has to wait.",
  incremental: true
})
