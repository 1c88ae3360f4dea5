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
  turn.reply(waiter, statusReply(turn.state, true))
}

/** `known`: the user has the device that asks; undefined while storage cannot say. */
export const onLooked = (turn: Turn, waiter: Waiter, known: boolean | undefined): void =>
  turn.reply(waiter, known === undefined ? storageAway : statusReply(turn.state, known))

const statusReply = (state: State, known: boolean): DeviceReply => {
  const link = linkOf(state)
  return {
    code: !isLive(link)
      ? "UserRecordPresentNotSubscribed"
      : known
        ? "UserAlreadySubscribed"
        : "SubscribedNeedsUpdate",
    message: "",
    state: link,
    lastHeartbeat: state.generation === 0 ? null : state.lastHeard
  }
}

const storageAway: DeviceReply = {
  code: "UpdateFail",
  message: "storage is not available; try again",
  status: 503,
  retryAfterSeconds: 60
}
