import type { DeviceReply } from "../schemas/SubscriptionMessage.ts"
import type { Turn } from "./Turn.ts"
import { free, idle } from "./UnderWay.ts"

/** No device is left. One that is registering comes first: while the desk serves, nobody is removed. */
export const startRemoval = (turn: Turn): void => {
  if (turn.state.desk._tag !== "Free") return
  const job = turn.nextJob()
  turn.set({ desk: { _tag: "Removing", job, generation: 0, early: [] } })
  turn.do({ _tag: "Remove", job })
}

/**
 * The user is gone, unregistered or without any device that works: everyone who waits is told, and the actor ends.
 * Exchange repeats the callbacks under way, and is told then that nobody knows the user.
 */
export const depart = (turn: Turn): void => {
  const { work, next, desk, queue } = turn.state
  if (work._tag === "Flushing") turn.replyAll(work.waiters, 0)
  else if (work._tag !== "Idle") turn.replyAll(work.round.waiters, "Retry")
  if (next !== undefined) turn.replyAll(next.waiters, "Retry")
  if (desk._tag !== "Free") for (const { round } of desk.early) turn.replyAll(round?.waiters ?? [], "Retry")
  if (desk._tag === "Serving") turn.reply(desk.waiter, gone)
  for (const { waiter } of queue) turn.reply(waiter, gone)
  turn.set({ work: idle, next: undefined, desk: free, queue: [], renewal: undefined })
  turn.do({ _tag: "Stop" })
}

const gone: DeviceReply = {
  code: "UserSubscriptionNotFound",
  message: "the user has been unregistered; register again"
}
