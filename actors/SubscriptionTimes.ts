import type { UserNumber } from "../schemas/Ids.ts"
import { allowedAt, RENEW_CALLS } from "./Allowance.ts"
import { LOST_AFTER, nudgeAfter } from "./NudgeSchedule.ts"
import { askingFor, canAsk, type Env, isListening, type State } from "./SubscriptionState.ts"

/** Ten minutes before the token expires the app is asked for a new one. */
export const EXPIRY_NOTICE = 10 * 60_000

/**
 * When silence counts as lost contact. Nobody is overdue before this process listened for StatusFrequency + 2 min; those
 * that were silent before that are noticed one after another then.
 */
export const overdueAt = (state: State, env: Env): number => {
  const silent = state.lastHeard + env.heartbeatCheck
  const earliest = env.listeningSince + env.statusFrequency + Math.min(120_000, env.statusFrequency)
  return silent >= earliest ? silent : earliest + phaseOf(state.user) * env.spread
}

/** Users who never register are forgotten after an hour, by a round every 10 min (src/Housekeeping.ts): their actors then. */
export const UNREGISTERED_FOR = 70 * 60_000

/** When the actor has to look at the clock again; Infinity = never. */
export const dueAt = (state: State, env: Env): number => {
  let due = state.work._tag === "Resting" ? state.work.until : Number.POSITIVE_INFINITY
  if (state.renewal !== undefined && state.desk._tag === "Free") {
    due = Math.min(due, allowedAt(state.spent, RENEW_CALLS))
  }
  if (state.link === "None") due = Math.min(due, state.linkSince + UNREGISTERED_FOR)
  if (isListening(state.link)) due = Math.min(due, overdueAt(state, env))
  if (askingFor(state.link) !== undefined) {
    const after = nudgeAfter(state.nudges)
    due = Math.min(due, after === undefined ? Number.POSITIVE_INFINITY : state.linkSince + after)
    due = Math.min(due, lostAt(state))
  }
  if (state.tokenExpiresAt > 0 && canAsk(state) && state.link !== "Lost" && state.link !== "None") {
    due = Math.min(due, state.tokenNoticed ? state.tokenExpiresAt : state.tokenExpiresAt - EXPIRY_NOTICE)
  }
  return due
}

/** When a subscription in whose place devices were asked for another is given up, unless a callback comes. */
export const lostAt = (state: State): number => Math.max(state.linkSince, state.lastHeard) + LOST_AFTER

/** From 0 to 1, always the same for a user; users with numbers in a row are far apart. */
const phaseOf = (user: UserNumber): number => (Math.imul(Number(user) >>> 0, 2_654_435_769) >>> 0) / 2 ** 32
