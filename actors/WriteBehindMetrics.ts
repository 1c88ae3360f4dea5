import { Metric } from "effect"

/** Users of whom something is not on disk yet. */
export const waiting = Metric.gauge("ens_write_behind_waiting", {
  description: "Users of whom watermark, ledger, badge or last heartbeat is not in storage yet."
})

export const oldest = Metric.gauge("ens_write_behind_oldest_seconds", {
  description: "How long the oldest of it has been waiting; about 10 at most while storage is well."
})

export const refused = Metric.counter("ens_write_behind_refused_total", {
  description: "Users whose state storage refused and took of others; it was given up.",
  incremental: true
})
