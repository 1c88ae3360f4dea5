import type { HistoryKind } from "../schemas/History.ts"
import type { Command, LogEvent } from "./SubscriptionProtocol.ts"
import type { State } from "./SubscriptionState.ts"

/** The state of the link and why it is the new one, for the user's history; the turn's commands tell. */
export const linkChange = (before: State, after: State, commands: ReadonlyArray<Command>): string =>
  `${after.link}: ${reasonOf(before, after, commands)}`

const reasonOf = (before: State, after: State, commands: ReadonlyArray<Command>): string => {
  const said = commands.findLast((command) => command._tag === "Log")
  if (said !== undefined) return said.event
  if (after.link === "Unconfirmed") return "subscribed, and Exchange has not called back yet"
  if (after.link === "Active") return "Exchange called back"
  return `it was ${before.link}`
}

/** What the log says of a user that belongs into his history although the link's state stays. */
export const NOTABLE: ReadonlyMap<LogEvent, HistoryKind> = new Map<LogEvent, HistoryKind>([
  ["Exchange reports the subscription broken", "error"],
  ["adopted a subscription that storage did not know", "subscribed"],
  ["acknowledged a callback that always crashes", "error"]
])
