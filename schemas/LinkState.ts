import { Schema } from "effect"

/** What a subscription is in, as `getsubscriptionstatus` names it (contract section 2). */
export const LinkState = Schema.Literal(
  "None",
  "Subscribing",
  "Unconfirmed",
  "Active",
  "Overdue",
  "Lost",
  "CredentialsExpired",
  "CredentialsRejected",
  "Blocked",
  "Parked"
)
export type LinkState = typeof LinkState.Type

/** Live: a device need not register (codes 6 and 30 instead of 29). */
export const isLive = (state: LinkState): boolean =>
  state === "Active" || state === "Unconfirmed" || state === "Subscribing"
