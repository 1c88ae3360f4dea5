import { BATCH } from "../layers/ews/EwsClient.ts"

/**
 * What callbacks of one user may cost: calls to Exchange, and rounds that notify devices. Whoever got hold of a callback
 * URL can send any events, so all of it is bounded: `AT_ONCE` and then one every `EVERY` milliseconds, one more for a second
 * look at the Inbox: 30 in any minute. Real mailboxes hardly notice, because Exchange has one callback of a subscription
 * under way at a time: while it waits, events gather, and the next callback brings all of them.
 *
 * Kept as one number, the time at which everything is allowed again (the generic cell rate algorithm, ITU-T I.371).
 */

const AT_ONCE = 9
const EVERY = 3_000

/** More are never asked for together: they become one summary, which shows no details. */
export const MAILS_ASKED_MAX = AT_ONCE * BATCH

/**
 * A mail told of without asking Exchange anything: it refuses the log-in, or is away. That costs Exchange nothing, so mails
 * which come one by one hardly have to wait.
 */
export const UNASKED = 0.25

/** Subscribe, GetFolder, and a search for missed mails that may be repeated. */
export const RENEW_CALLS = 4

/** Calls that are allowed now; less than 0 where the last ones were too many. */
export const allowed = (spent: number, now: number): number =>
  Math.floor(AT_ONCE - Math.max(0, spent - now) / EVERY)

/** From when on so many (at most `AT_ONCE`, or a part of one) are allowed. */
export const allowedAt = (spent: number, calls: number): number => spent - (AT_ONCE - calls) * EVERY

/** `spent` after so many more. */
export const spend = (spent: number, calls: number, now: number): number =>
  Math.max(spent, now) + calls * EVERY
