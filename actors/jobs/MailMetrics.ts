import { Metric } from "effect"

/** Mails of whose coming Exchange told, once each: repeats of what could not be kept do not count. */
export const mailsTold = Metric.counter("ens_mails_total", {
  description: "Mails that Exchange told of and that were sent on, kept, or given up for good",
  incremental: true
})
