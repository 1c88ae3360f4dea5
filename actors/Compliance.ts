import type { DeviceNumber } from "../schemas/Ids.ts"
import type { Compliance } from "./JobResults.ts"
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

/** The device has just opened the mailbox through the gateway, if there is one. */
export const passed = (turn: Turn, device: DeviceNumber): void => {
  const { blocked } = turn.state
  if (!blocked.includes(device)) return
  const others = blocked.filter((other) => other !== device)
  turn.set({ blocked: others.length === 0 ? noneBlocked : others })
}
