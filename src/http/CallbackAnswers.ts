import type { Unavailable } from "../../actors/Subscriptions.ts"
import { type CallbackAnswer, refusal, soap, tryAgain } from "./CallbackAnswer.ts"

/** The answers to callbacks that are always the same, made beforehand: in a flood, thousands may have to be given. */

export const OK = soap("OK")
export const UNSUBSCRIBE = soap("Unsubscribe")
export const DRAINING = tryAgain("ENS is stopping")
export const SHED = tryAgain("too many callbacks are being handled")
export const LATE = tryAgain("the subscription did not answer in time")
export const RETRY = tryAgain("the subscription cannot take this now")
export const WITHHELD = tryAgain("too many unknown callbacks")
export const FAULT = tryAgain("ENS failed")
export const STANDBY = tryAgain("another node of ENS is the active one, or may be")
export const UNAVAILABLE: Readonly<Record<Unavailable["reason"], CallbackAnswer>> = {
  starting: unavailable("starting"),
  draining: unavailable("draining"),
  "mailbox full": unavailable("mailbox full"),
  parked: unavailable("parked"),
  crashed: unavailable("crashed"),
  "owned elsewhere": unavailable("owned elsewhere"),
  "storage away": unavailable("storage away"),
  standby: STANDBY
}
export const CROWDED = tryAgain("too many callbacks with this URL wait for their answer")
export const FOREIGN_SOURCE = refusal(403, "callbacks are not taken from this address")
export const SLOW = refusal(408, "the body did not come in time")
export const TOO_LARGE = refusal(413, "the body is larger than 256 KiB")
export const UNUSABLE = refusal(400, "the body is not a SendNotification")

function unavailable(reason: Unavailable["reason"]): CallbackAnswer {
  return tryAgain(`the subscription cannot be reached (${reason})`)
}
