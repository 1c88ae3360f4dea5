import type { Compliance, Passed } from "./JobResults.ts"
import { noneBlocked } from "./SubscriptionState.ts"
import type { Turn } from "./Turn.ts"

/** What a Secure Email Gateway says of the devices; it is asked again at every mail. */
export const learnCompliance = (turn: Turn, { all, blocked }: Compliance, activityId: string): void => {
  const { link } = turn.state
  turn.set({ blocked: blocked.length === 0 ? noneBlocked : blocked })
  if (all && (link === "Active" || link === "Unconfirmed")) {
    turn.link("Blocked")
    turn.log("the Secure Email Gateway lets no device pass", activityId)
  } else if (!all && link === "Blocked") {
    turn.link("Active")
    turn.log("the Secure Email Gateway lets devices pass again", activityId)
  }
}

/** These have just opened the mailbox through the gateway, if there is one; of the others nothing was learned. */
export const letPass = (turn: Turn, passed: Passed): void => {
  const others = turn.state.blocked.filter((device) => passed !== "all" && !passed.includes(device))
  turn.set({ blocked: others.length === 0 ? noneBlocked : others })
}
