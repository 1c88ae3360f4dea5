import type { Mail } from "../schemas/EwsMessage.ts"
import type { Callback } from "../schemas/SubscriptionMessage.ts"
import { openOf } from "./News.ts"
import { emptyRound, type Round, withFound } from "./Round.ts"
import { addRound } from "./Rounds.ts"
import { canAsk, digest, type Env, isListening, openGap, type State } from "./SubscriptionState.ts"
import type { Turn } from "./Turn.ts"

/** Clocks differ, and the time at which a subscription was last heard may be some seconds old after a crash. */
const SLACK = 2 * 60_000
/** Nobody wants to be told of what came before. */
const LONGEST_GAP = 3 * 24 * 60 * 60_000
/** A user's missed mails are looked for at most once in this time. */
const SEARCH_EVERY = 5 * 60_000

/**
 * Since when mails may have been missed, if a new subscription is made now; 0: the present one has been listening all the
 * time (what it still knows of, it reports), or there has never been one.
 */
export const missedSince = (state: State, env: Env): number => {
  if (state.generation === 0) return 0
  const gap = openGap(state)
  if (gap > 0) return Math.max(gap, env.now - LONGEST_GAP)
  return listensWithoutGap(state, env) ? 0 : gapFrom(state, state.lastHeard, env.now)
}

/** Where a gap begins that was noticed now, if the subscription was heard for the last time at `lastHeard`. */
export const gapFrom = ({ subscribedAt }: State, lastHeard: number, now: number): number =>
  Math.max(1, lastHeard - SLACK, subscribedAt.at(-1) ?? 0, now - LONGEST_GAP)

/**
 * A callback that does not go on where the last one ended: events between them were lost. A heartbeat alone proves
 * nothing, because Exchange moves its watermark while nothing happens (FACTS section 3).
 */
export const noticeGap = (turn: Turn, callback: Callback, lastHeard: number): void => {
  if (goesOn(turn.state, callback)) return
  turn.log("events may have been missed", callback.activityId)
  if (turn.state.gapSince === 0) turn.set({ gapSince: gapFrom(turn.state, lastHeard, turn.now) })
}

/** The round, which takes it upon itself to look for missed mails if there may be any and it is time. */
export const lookingBack = (turn: Turn, round: Round): Round => {
  const { gapSince, searchedAt } = turn.state
  const isTime = gapSince > 0 && turn.now - searchedAt >= SEARCH_EVERY
  if (!isTime || round.blind || round.alone || !canAsk(turn.state)) return round
  turn.set({ gapSince: 0, searchedAt: turn.now })
  return { ...round, gap: Math.max(gapSince, turn.now - LONGEST_GAP) }
}

/** A heartbeat brings credentials, too; nobody waits for what comes of it. */
export const lookBackAt = (turn: Turn, heartbeat: Callback): void => {
  const { gapSince, inbox, work } = turn.state
  if (gapSince === 0 || work._tag !== "Idle") return
  const round = lookingBack(turn, emptyRound(heartbeat, inbox, turn.now))
  if (round.gap > 0) addRound(turn, round)
}

/** A new subscription lives: announces what came while none did, if that was asked for (`since` > 0). */
export const closeGap = (turn: Turn, since: number, { activityId, missed, unread }: Found): void => {
  if (since === 0) return
  if (missed === undefined) return turn.set({ gapSince: since })
  turn.set({ gapSince: 0, searchedAt: turn.now })
  const { generation, inbox } = turn.state
  const empty = emptyRound({ activityId, f: undefined, generation }, inbox, turn.now)
  const round = { ...withFound(empty, missed), gap: since, unread }
  if (openOf(turn.state, round).length > 0) addRound(turn, round)
}

interface Found {
  readonly activityId: string
  readonly missed: ReadonlyArray<Mail> | undefined
  readonly unread: number
}

/** Callbacks in work count as known; one that is repeated ends where a known one does. */
const goesOn = ({ next, watermark, work }: State, { events, previousWatermark }: Callback): boolean => {
  if (watermark === 0 || previousWatermark === undefined) return true
  const inWork = "round" in work ? work.round.watermark : undefined
  const known = [watermark, digest(inWork), digest(next?.watermark)]
  const last = digest(events.at(-1)?.watermark)
  return known.includes(digest(previousWatermark)) || (last !== 0 && known.includes(last))
}

/**
 * Exchange has been able to tell us everything since the last callback. It gives up calling back after StatusFrequency,
 * perhaps after half of it, so that a longer silence may be one that it does not end any more.
 */
const listensWithoutGap = ({ lastHeard, link }: State, env: Env): boolean =>
  isListening(link) && env.now - lastHeard <= env.statusFrequency / 2
