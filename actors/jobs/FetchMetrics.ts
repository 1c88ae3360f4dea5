import { Metric } from "effect"
import type { FetchResult } from "../JobResults.ts"

/** Metrics of asking Exchange for mails. Labels are constants: an id in one would stay in the registry for ever. */

/** A fetch whose mails go out without details (ENS2's code 21, `EmailFetchfailed`), by what was in the way. */
export const emailFetchFailed = (reason: NonNullable<FetchResult["trouble"]>) =>
  Metric.tagged(failedCounter, "reason", reason)

/** Mails that were not announced, because they lie outside of the user's Inbox. */
export const mailsOutsideInbox = Metric.counter("ens_mails_outside_inbox_total", {
  description: "Mails that were not announced, because Exchange says that they lie outside of the Inbox",
  incremental: true
})

const failedCounter = Metric.counter("ens_email_fetch_failed_total", {
  description:
    "Fetches of mail details that failed: credentials rejected or sealed for good, or other trouble",
  incremental: true
})
