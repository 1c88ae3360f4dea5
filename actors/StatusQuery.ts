import type { DeviceNumber } from "../schemas/Ids.ts"
import { isLive } from "../schemas/LinkState.ts"
import type { DeviceReply, GetStatus } from "../schemas/SubscriptionMessage.ts"
import type { Waiter } from "./SubscriptionProtocol.ts"
import { linkOf, type State } from "./SubscriptionState.ts"
import type { Turn } from "./Turn.ts"

/** `getsubscriptionstatus`: changes nothing; only a live subscription makes it worth while to look the device up. */
export const onStatus = (turn: Turn, waiter: Waiter, request: GetStatus): void => {
  if (request.deviceToken !== undefined && isLive(linkOf(turn.state))) {
    return turn.do({ _tag: "Look", waiter, deviceToken: request.deviceToken })
  }
  turn.reply(waiter, statusReply(turn.state, undefined))
}

/** `known`: the device that asks, false if the user has no such device; undefined while storage cannot say. */
export const onLooked = (turn: Turn, waiter: Waiter, known: DeviceNumber | false | undefined): void =>
  turn.reply(waiter, known === undefined ? storageAway : statusReply(turn.state, known))

/** For this device; undefined: none was named. */
const statusReply = (state: State, device: DeviceNumber | false | undefined): DeviceReply => {
  const link = device && state.blocked.includes(device) ? "Blocked" : linkOf(state)
  return {
    code: !isLive(link)
      ? "UserRecordPresentNotSubscribed"
      : device === false
        ? "SubscribedNeedsUpdate"
        : "UserAlreadySubscribed",
    message: "",
    state: link,
    lastHeartbeat: state.generation === 0 || state.lastHeard === 0 ? null : state.lastHeard
  }
}

const storageAway: DeviceReply = {
  code: "UpdateFail",
  message: "storage is not available; try again",
  status: 503,
  retryAfterSeconds: 60
}
