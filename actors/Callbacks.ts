import type { Callback } from "../schemas/SubscriptionMessage.ts"
import { gapFrom, lookBackAt, lookingBack, missedSince, noticeGap } from "./CatchUp.ts"
import { subscribingGeneration } from "./Desk.ts"
import { type Arrival, digestEvents, isHeartbeat } from "./MailEvents.ts"
import { openOf } from "./News.ts"
import { reform, renewBroken } from "./Renewal.ts"
import { emptyRound, type Round } from "./Round.ts"
import { addRound, confirmHearsay } from "./Rounds.ts"
import type { StoredSubscription, Suspicion, Verdict, Waiter } from "./SubscriptionProtocol.ts"
import { canAsk, digest, openGap, type State } from "./SubscriptionState.ts"
import type { Turn } from "./Turn.ts"
import type { Early } from "./UnderWay.ts"

/** Callbacks that may wait for Exchange's answer to the Subscribe that caused them. */
const EARLY_MAX = 8
const EWS_SECOND = 1_000
const CLOCKS_DIFFER = 5_000
/** Events of a subscription that was heard so recently can go on in a new one; later on, looking for mails costs less. */
const RESUMABLE = 30 * 60_000

/**
 * An authentic callback (contract section 3, "Answering"). `Unsubscribe` cannot be taken back, so it is answered only
 * where it is certain that the subscription is not the live one; when in doubt storage is read first.
 */
export const onCallback = (turn: Turn, waiter: Waiter, callback: Callback, suspicion: Suspicion): void => {
  const { generation } = callback
  const live = turn.state.generation
  const subscribing = subscribingGeneration(turn.state)
  if (generation === live) {
    if (recognise(turn, waiter, callback)) take(turn, waiter, callback, suspicion)
    return
  }
  if (generation === subscribing) return early(turn, waiter, callback)
  // Storage is older than this subscription (a restored backup): it is adopted when no lower one can replace it any more.
  if (subscribing > 0 && generation > subscribing) return turn.reply(waiter, "Retry")
  if (generation > live && generation <= turn.state.refused) {
    // Its proof failed, and its number is never used again.
    turn.log("callback of a subscription whose proof failed", callback.activityId)
    return turn.reply(waiter, "Unsubscribe")
  }
  turn.do({ _tag: "Consult", waiter, callback, suspicion })
}

/** Storage was read after the callback came, and says what its generation is worth. */
export const onConsulted = (
  turn: Turn,
  waiter: Waiter,
  callback: Callback,
  suspicion: Suspicion,
  verdict: Verdict,
  stored: StoredSubscription | undefined
): void => {
  const { generation } = callback
  switch (verdict) {
    case "Adopt":
      // Something else may have been decided meanwhile; Exchange asks again.
      if (generation < turn.state.generation || subscribingGeneration(turn.state) > 0) {
        return turn.reply(waiter, "Retry")
      }
      if (generation > turn.state.generation) {
        if (stored === undefined) adopt(turn, callback)
        else takeOver(turn, generation, stored)
      }
      if (recognise(turn, waiter, callback)) take(turn, waiter, callback, suspicion)
      return
    case "Unsubscribe":
      turn.log("callback of an old subscription", callback.activityId, callback.subscriptionId)
      return sayFarewell(turn, waiter, callback, suspicion)
    default:
      return turn.reply(waiter, verdict)
  }
}

/** A callback of the live subscription. */
const take = (turn: Turn, waiter: Waiter, callback: Callback, suspicion: Suspicion): void => {
  const { lastHeard } = turn.state
  heard(turn, callback)
  if (suspicion === "poison") return acknowledgePoison(turn, waiter, callback)
  if (callback.errorCode !== undefined) return broken(turn, waiter, callback, lastHeard)
  const round = roundOf(turn.state, waiter, callback, suspicion, turn.now)
  if (round === undefined) {
    settleHeartbeat(turn, callback)
    turn.reply(waiter, "Ok")
    if (suspicion !== "none" || callback.hurried) return
    lookBackAt(turn, callback)
    confirmHearsay(turn, callback)
    reform(turn, callback)
  } else {
    noticeGap(turn, callback, lastHeard)
    addRound(turn, lookingBack(turn, round))
  }
}

/** A replaced subscription may be the only one that knows of a mail which came just before: announced first, then ended. */
const sayFarewell = (turn: Turn, waiter: Waiter, callback: Callback, suspicion: Suspicion): void => {
  const round =
    suspicion === "poison" ? undefined : roundOf(turn.state, waiter, callback, suspicion, turn.now)
  const isRejected = callback.generation <= turn.state.rejected
  const arrivals = round?.arrivals.filter((arrival) => cameBefore(turn.state, arrival, isRejected)) ?? []
  if (round === undefined || openOf(turn.state, { ...round, arrivals }).length === 0) {
    return turn.reply(waiter, "Unsubscribe")
  }
  const blind = round.blind || isRejected
  addRound(turn, { ...round, arrivals, blind, watermark: undefined, leaving: [waiter] })
}

/**
 * Whether the mail came before the live subscription was made, which otherwise reports it, too. In doubt (clocks differ,
 * EWS cuts times to the second) the old one may announce it as well as the live one, unless its log-in is refused.
 */
const cameBefore = (state: State, { at }: Arrival, isRejected: boolean): boolean => {
  const subscribedAt = state.subscribedAt.at(-1)
  if (subscribedAt === undefined || at === undefined) return false
  return at < subscribedAt + (isRejected ? -EWS_SECOND : CLOCKS_DIFFER)
}

/** Callbacks of a Subscribe that Exchange has answered by now. */
export const releaseEarly = (turn: Turn, early: Early): void => {
  const { round, watermark } = early
  heard(turn, early)
  if (round !== undefined) return addRound(turn, round)
  // It is newer than the one in Exchange's answer, and the next callback goes on from it.
  if (watermark !== undefined) turn.set({ watermark: digest(watermark) })
}

const roundOf = (
  state: State,
  waiter: Waiter,
  callback: Callback,
  suspicion: Suspicion,
  now: number
): Round | undefined => {
  if (isHeartbeat(callback.events)) return undefined
  const events = digestEvents(callback.events, state.inbox)
  return {
    ...emptyRound(callback, events.inbox, now),
    waiters: [waiter],
    keys: [events.key],
    arrivals: events.arrivals,
    unread: events.unread,
    blind: callback.hurried || suspicion !== "none",
    alone: suspicion !== "none",
    watermark: events.watermark
  }
}

const early = (turn: Turn, waiter: Waiter, callback: Callback): void => {
  const { desk } = turn.state
  const round = roundOf(turn.state, waiter, callback, "none", turn.now)
  if (callback.errorCode !== undefined) return turn.reply(waiter, "Retry")
  // A heartbeat is answered at once; that it came is known when Exchange has answered, too.
  if (round === undefined) turn.reply(waiter, "Ok")
  if (desk._tag === "Free" || desk.early.length >= EARLY_MAX) {
    return round === undefined ? undefined : turn.reply(waiter, "Retry")
  }
  const { activityId, subscriptionId } = callback
  const watermark = callback.events.at(-1)?.watermark
  turn.set({ desk: { ...desk, early: [...desk.early, { round, watermark, subscriptionId, activityId }] } })
}

/** A Subscribe was stored while its actor crashed. */
const takeOver = (turn: Turn, generation: number, stored: StoredSubscription): void => {
  const { subscribedAt, ...known } = stored
  const gapSince = missedSince(turn.state, turn.env)
  turn.link("Unconfirmed")
  turn.set({
    ...known,
    gapSince,
    form: turn.env.form,
    generation,
    attempted: Math.max(turn.state.attempted, generation),
    watermark: 0,
    tokenNoticed: false,
    subscribedAt: [...turn.state.subscribedAt, subscribedAt]
  })
}

/** Storage did not know this generation: the process died between Subscribe and storing, or a backup was restored. */
const adopt = (turn: Turn, callback: Callback): void => {
  turn.set({
    generation: callback.generation,
    gapSince: missedSince(turn.state, turn.env),
    form: 0,
    attempted: Math.max(turn.state.attempted, callback.generation),
    subscription: digest(callback.subscriptionId),
    watermark: 0,
    // Its credentials are others than those that storage knows about.
    tokenExpiresAt: 0
  })
  if (!canAsk(turn.state)) turn.link("Active")
  turn.do({ _tag: "Adopt", generation: callback.generation, subscriptionId: callback.subscriptionId })
  turn.log("adopted a subscription that storage did not know", callback.activityId)
}

/**
 * True if the callback is of the recorded subscription; the first one tells its id if none is recorded. Such an id is
 * hearsay, since anybody may have sent that callback who knows the URL: another one is taken as well then (`form` 0 says that
 * no answer of Exchange's told the id), for `Unsubscribe` to the real one could not be taken back.
 */
const recognise = (turn: Turn, waiter: Waiter, callback: Callback): boolean => {
  const id = digest(callback.subscriptionId)
  const { subscription } = turn.state
  if (id === 0 || id === subscription) return true
  if (subscription === 0) {
    turn.set({ subscription: id })
    turn.do({ _tag: "Adopt", generation: callback.generation, subscriptionId: callback.subscriptionId })
    return true
  }
  if (turn.state.form === 0) return true
  turn.log("callback of an old subscription", callback.activityId, callback.subscriptionId)
  turn.reply(waiter, "Unsubscribe")
  return false
}

/** Any authentic callback ends a silence. */
const heard = (turn: Turn, from: { readonly activityId: string }): void => {
  const { link } = turn.state
  turn.set({ lastHeard: turn.now })
  if (link !== "Unconfirmed" && link !== "Overdue" && link !== "Lost" && link !== "None") return
  turn.link("Active")
  if (link === "Overdue" || link === "Lost") {
    turn.do({ _tag: "Revived", heard: true })
    turn.log("heard again", from.activityId)
  }
}

const settleHeartbeat = (turn: Turn, callback: Callback): void => {
  const watermark = callback.events.at(-1)?.watermark
  if (watermark !== undefined) turn.set({ watermark: digest(watermark) })
  turn.do({ _tag: "Note", watermark, soon: false })
}

const broken = (turn: Turn, waiter: Waiter, callback: Callback, lastHeard: number): void => {
  const isGapless = openGap(turn.state) === 0
  turn.log("Exchange reports the subscription broken", callback.activityId)
  turn.reply(waiter, "Unsubscribe")
  // Nobody knows how long it has reported nothing any more.
  if (turn.state.gapSince === 0) turn.set({ gapSince: gapFrom(turn.state, lastHeard, turn.now) })
  renewBroken(turn, callback, isGapless && turn.now - lastHeard < RESUMABLE)
}

const acknowledgePoison = (turn: Turn, waiter: Waiter, callback: Callback): void => {
  const { key } = digestEvents(callback.events, turn.state.inbox)
  turn.do({ _tag: "DeadLetter", key, subscriptionId: callback.subscriptionId })
  turn.log("acknowledged a callback that always crashes", callback.activityId)
  turn.reply(waiter, "Ok")
}
