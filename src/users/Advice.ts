import type { UserView } from "../../schemas/ConsoleApi.ts"
import { FAULT_NAMES, type FaultName, faultOf } from "../../schemas/Fault.ts"
import type { LinkState } from "../../schemas/LinkState.ts"

type Known = Pick<UserView, "devices" | "events" | "state" | "stateSince" | "waiting">

/** What the user's state means and what to do, one sentence; "" if all is well. */
export const adviceOn = (known: Known): string => {
  const { devices, state, waiting } = known
  const meaning = MEANINGS[state as LinkState] ?? ""
  if (state === "Active") {
    if (devices.length === 0) return NO_DEVICE
    if (waiting > 0) return waits(waiting)
  }
  const fault = meaning === "" ? undefined : lastFault(known)
  return fault === undefined || OWN_CURES.has(state) ? meaning : `${meaning}; last failure: ${cureOf(fault)}`
}

const MEANINGS: Readonly<Record<LinkState, string>> = {
  None: "No registration has succeeded yet: have the user open the mail app, and look at the failures below",
  Subscribing: "A registration is under way: look again in half a minute",
  Unconfirmed:
    "Exchange accepted the subscription and has not called back yet: if that lasts for more than some minutes, check that Exchange reaches ENS_PUBLIC_URL (ens doctor)",
  Active: "",
  Overdue:
    "Exchange has fallen silent and the app is being asked to register again: if more users are affected, check that Exchange reaches ENS_PUBLIC_URL (ens doctor)",
  Lost: `The app did not react for two weeks, and ENS has given up: ${faultOf("subscription-lost").cure}`,
  CredentialsExpired:
    "The access token has expired and the app is being asked for a new one: have the user open the mail app",
  CredentialsRejected:
    "Exchange refuses the user's log-in: have the user enter the present password in the mail app, or check the account",
  Blocked: `The Secure Email Gateway lets none of the devices pass: ${faultOf("seg-blocks-device").cure}`,
  Parked:
    "Handling this user crashed again and again, and is tried every 15 minutes or when the app registers: please report the error that the log tells"
}

/** States that say themselves what to do. */
const OWN_CURES: ReadonlySet<string> = new Set(["Lost", "CredentialsExpired", "Blocked", "Parked"])

const NO_DEVICE = "No device is registered, so nobody is notified: have the user open the mail app"

const waits = (count: number) =>
  `${count} ${count === 1 ? "notification waits" : "notifications wait"} for a push gateway: check it with ens doctor; they are sent when it takes them`

/** What the newest failure was, unless a registration has succeeded since then. */
const lastFault = ({ events }: Known): FaultName | undefined => {
  for (const { detail, kind } of events) {
    if (kind === "subscribed") return undefined
    if (kind !== "registration" && kind !== "error") continue
    const name = FAULT_NAMES.find((fault) => detail.includes(fault))
    if (name !== undefined) return name
  }
  return undefined
}

const cureOf = (name: FaultName): string => {
  const { cure, title } = faultOf(name)
  return `${title}, ${cure}`
}
