import { Metric } from "effect"

/** Metrics of Exchange hosts in trouble. No label names a host or a user. */

/** Hosts that are known to be down. */
export const hostsDown = Metric.gauge("ens_ews_hosts_down", {
  description: "Exchange hosts that are known to be down."
})

/** Hosts whose 401s are not believed, because most users get one. */
export const hostsRefusingLogIns = Metric.gauge("ens_ews_hosts_refusing_log_ins", {
  description: "Exchange hosts that refuse the log-ins of most users."
})

/** Calls that were not made: the host is down, Exchange asked for the user to wait, or most users' log-ins are refused. */
export const refused = (because: "host" | "user" | "log-ins") =>
  Metric.tagged(refusedCounter, "because", because)

/** How often Exchange asked for a user to wait. */
export const throttled = Metric.counter("ens_ews_throttled_total", {
  description: "Answers of Exchange hosts that asked for a user to wait.",
  incremental: true
})

const refusedCounter = Metric.counter("ens_ews_calls_refused_total", {
  description:
    "Calls to Exchange that were not made: the host is down, the user has to wait, or most log-ins are refused.",
  incremental: true
})
