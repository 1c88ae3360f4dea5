import { BATCH, callsFor } from "../layers/ews/EwsClient.ts"
import type { Callback, FlushOutbox } from "../schemas/SubscriptionMessage.ts"
import { allowed, allowedAt, MAILS_ASKED_MAX, spend, UNASKED } from "./Allowance.ts"
import { learnCompliance } from "./Compliance.ts"
import { startRemoval } from "./Departure.ts"
import type { AnnounceResult, FetchResult } from "./JobResults.ts"
import { hash53, settle, settleWeakly } from "./Ledger.ts"
import { confirmedHome, detailsOf, FRESH, openOf, sift, unknownOf } from "./News.ts"
import { reform } from "./Renewal.ts"
import { earliest, emptyRound, merge, type Round, withFound } from "./Round.ts"
import type { JobId, Waiter } from "./SubscriptionProtocol.ts"
import { askingOf, blockedOf, canAsk, digest, type Env, type State } from "./SubscriptionState.ts"
import type { Turn } from "./Turn.ts"
import { idle } from "./UnderWay.ts"

/** GetFolder at most once per user in this time. */
const INBOX_READ_EVERY = 3_000
/** A search is repeated where clocks differ. */
const SEARCH_CALLS = 2
/** Unread counts that Exchange sends along are confirmed by GetFolder now and then. */
const INBOX_CONFIRM_EVERY = 30 * 60_000
/** A change of the unread count that is believed; a larger one is confirmed by GetFolder before it is shown. */
const CHANGE_MAX = 50
const WAITERS_MAX = 16
/** A mail may have come by so much earlier than the clocks say. */
const CLOCKS_DIFFER = 2 * 60_000

/** Takes up the events of a callback: at once, with those that wait, or by joining the same ones in work. */
export const addRound = (turn: Turn, given: Round): void => {
  const round = withoutStrays(turn, given)
  if (round.inbox !== turn.state.inbox) turn.set({ inbox: round.inbox })
  const { work, next } = turn.state
  if (work._tag === "Idle") return start(turn, round)
  if (
    work._tag === "Resting" &&
    isUrgent(turn.state, round) &&
    !isUrgent(turn.state, work.round) &&
    allowed(turn.state.spent, turn.now) > 0
  ) {
    // A mail is not held up for the badge.
    turn.set({ work: idle, next: work.round })
    return start(turn, round)
  }
  const [waiter = 0] = round.waiters
  const [key = 0] = round.keys
  // Another subscription may report the same events, but its callback gets another answer.
  if (
    work._tag !== "Flushing" &&
    work.round.generation === round.generation &&
    work.round.keys.includes(key)
  ) {
    if (work.round.waiters.length >= WAITERS_MAX) return turnAway(turn, round)
    returnGap(turn, round)
    const waiters = [...work.round.waiters, waiter]
    const leaving = [...work.round.leaving, ...round.leaving]
    return turn.set({ work: { ...work, round: { ...work.round, waiters, leaving } } })
  }
  const queued = work._tag === "Resting" ? work.round : next
  if (queued === undefined) return turn.set({ next: round })
  if (round.alone || queued.alone) return turnAway(turn, round)
  const merged = withoutStrays(turn, merge(queued, round))
  if (queued.waiters.length >= WAITERS_MAX || merged.arrivals.length > MAILS_ASKED_MAX) {
    return turnAway(turn, round)
  }
  if (work._tag !== "Resting") return turn.set({ next: merged })
  const { state, env } = turn
  // For the badge there is more time than for mails.
  const until = isUrgent(state, merged)
    ? Math.min(allowedAt(state.spent, 1), halfTime(merged, env))
    : work.until
  turn.set({ work: { ...work, until: Math.min(work.until, until), round: merged } })
}

const lookFor = (turn: Turn, { arrivals, arrivedAt }: Round): void => {
  const came = Math.min(...arrivals.map(({ at = arrivedAt }) => at), arrivedAt)
  const since = Math.max(came, arrivedAt - FRESH) - CLOCKS_DIFFER
  turn.set({ gapSince: earliest(turn.state.gapSince, Math.max(1, since)) })
}

/**
 * One call asks about the mails of most callbacks. Where more are named, those whose folder is not known to be the Inbox
 * take no place from those in it: they are looked for there with the next callback.
 */
const withoutStrays = (turn: Turn, round: Round): Round => {
  const { home } = turn.state
  if (home === 0 || round.arrivals.length <= BATCH) return round
  const arrivals = round.arrivals.filter(({ folder, missed }) => missed || digest(folder) === home)
  if (arrivals.length === round.arrivals.length) return round
  lookFor(turn, round)
  return { ...round, arrivals }
}

/** It holds mails, or may not be held up. */
const isUrgent = (state: State, round: Round): boolean => round.blind || openOf(state, round).length > 0

/** Until then Exchange is asked for details; what is left of the deadline is the gateway's. */
const halfTime = ({ arrivedAt }: Round, { callbackDeadline }: Env): number => arrivedAt + callbackDeadline / 2

/**
 * An unread count that callbacks told is confirmed in any case, also where no mail comes any more, or somebody who got hold
 * of a URL could leave any number on the phone.
 */
export const confirmHearsay = (turn: Turn, heartbeat: Callback): void => {
  const { hearsay, inbox, work } = turn.state
  if (hearsay === 0 || work._tag !== "Idle" || turn.now - hearsay < INBOX_CONFIRM_EVERY) return
  addRound(turn, emptyRound(heartbeat, inbox, turn.now))
}

/** The Inbox may be read again. */
export const endRest = (turn: Turn): void => {
  const { work } = turn.state
  if (work._tag !== "Resting" || turn.now < work.until) return
  turn.set({ work: idle })
  start(turn, work.round)
}

export const onFetched = (turn: Turn, job: JobId, result: FetchResult): void => {
  const { work } = turn.state
  if (work._tag !== "Fetching" || work.job !== job) return
  const round = result.missed === undefined ? work.round : withFound(work.round, result.missed)
  const home = confirmedHome(round, result)
  if (home !== undefined && home !== turn.state.home) turn.set({ home })
  if (result.calls > 0) turn.set({ spent: spend(turn.state.spent, result.calls, turn.now) })
  if (result.unread !== undefined) turn.set({ inboxRead: turn.now, hearsay: 0 })
  if (result.compliance !== undefined) learnCompliance(turn, result.compliance, round.activityId)
  if (
    (result.trouble === "rejected" || result.trouble === "sealed") &&
    round.generation === turn.state.generation &&
    canAsk(turn.state)
  ) {
    turn.link("CredentialsRejected")
    turn.log("credentials rejected", round.activityId)
  }
  if (result.trouble === "rejected") turn.set({ rejected: Math.max(turn.state.rejected, round.generation) })
  announce(turn, round, result)
}

export const onAnnounced = (turn: Turn, job: JobId, result: AnnounceResult): void => {
  const { work } = turn.state
  if ((work._tag !== "Pushing" && work._tag !== "Flushing") || work.job !== job) return
  turn.set({
    ledger: settle(turn.state.ledger, result.settled),
    backlog: result.waiting,
    ...(result.badge === undefined ? {} : { badge: result.badge }),
    work: idle
  })
  if (work._tag === "Pushing" && result.doubted > 0) doubt(turn, work.round, result)
  if (work._tag === "Flushing") {
    turn.do({ _tag: "Note", watermark: undefined, soon: true })
    turn.replyAll(work.waiters, result.flushed)
    if (result.deviceless) startRemoval(turn)
    return startNext(turn)
  }
  if (result.deviceless) startRemoval(turn)
  finish(turn, work.round, result.kept)
}

/**
 * Mails that are told of to nobody before Exchange has confirmed that they are in the Inbox: they are looked for there,
 * with the next callback's credentials or at the next registration. When they came is not believed further back than a
 * mail counts as new.
 */
const doubt = (turn: Turn, round: Round, { doubted, uncounted }: AnnounceResult): void => {
  lookFor(turn, round)
  if (uncounted) turn.set({ unread: Math.max(0, turn.state.unread - doubted) })
}

/** Sends what waits in the outbox, unless something is being sent for this user anyway. */
export const onFlush = (turn: Turn, waiter: Waiter, request: FlushOutbox): void => {
  const { work } = turn.state
  if (work._tag === "Flushing") {
    return turn.set({ work: { ...work, waiters: [...work.waiters, waiter] } })
  }
  if (work._tag !== "Idle") return turn.reply(waiter, 0)
  const job = turn.nextJob()
  turn.set({ work: { _tag: "Flushing", job, waiters: [waiter] } })
  turn.do({
    _tag: "Announce",
    job,
    activityId: request.activityId,
    mails: [],
    // What storage knew at the start may be older than the mails that wait.
    badge: turn.state.unread < 0 || turn.state.inboxRead === 0 ? undefined : turn.state.unread,
    badgeChanged: false,
    previousBadge: known(turn.state.badge),
    badgeCounted: false,
    ledger: turn.state.ledger,
    backlog: true,
    details: [],
    asking: askingOf(turn.state),
    blocked: blockedOf(turn.state),
    until: turn.now + turn.env.callbackDeadline
  })
}

const start = (turn: Turn, round: Round): void => {
  const { state, env } = turn
  const { f } = round
  const items = unknownOf(state, round)
  const sinceRead = turn.now - state.inboxRead
  const until = halfTime(round, env)
  // The timer that notices the expiry may be a moment late.
  const isExpired = state.tokenExpiresAt > 0 && state.tokenExpiresAt <= turn.now
  const isLate = until <= turn.now
  const mayAsk = canAsk(state) && !isExpired && !round.blind && !isLate && items.length <= MAILS_ASKED_MAX
  const calls = mayAsk && f !== undefined ? callsFor(items.length) : 0
  const spare = allowed(state.spent, turn.now) - calls
  // What follows costs something: a call for details, or a notification.
  const isDear = isUrgent(state, round) || round.unread !== undefined
  const allowedFrom = allowedAt(state.spent, calls > 0 ? calls : costUnasked(openOf(state, round).length))
  if (isDear && !isLate && allowedFrom > turn.now) {
    return turn.set({ work: { _tag: "Resting", until: Math.min(allowedFrom, until), round } })
  }
  const searches = round.gap > 0 && !round.searched && spare >= SEARCH_CALLS
  const wantsUnread =
    round.unread === undefined || turn.now > confirmAt(state, env) || !isBelieved(state, round.unread)
  const isTime = searches || sinceRead >= INBOX_READ_EVERY
  const unread = wantsUnread && isTime && spare > (searches ? SEARCH_CALLS : 0)
  if (mayAsk && wantsUnread && !unread && !searches && openOf(state, round).length === 0) {
    const at = Math.max(state.inboxRead + INBOX_READ_EVERY, allowedAt(state.spent, 1))
    return turn.set({ work: { _tag: "Resting", until: Math.min(at, until), round } })
  }
  if (!mayAsk || f === undefined || (!unread && !searches && items.length === 0)) {
    return announce(turn, round, unasked)
  }
  const job = turn.nextJob()
  turn.set({ work: { _tag: "Fetching", job, round } })
  turn.do({
    _tag: "Fetch",
    job,
    generation: round.generation,
    f,
    activityId: round.activityId,
    items,
    unread,
    backlog: state.backlog,
    since: searches ? round.gap : 0,
    // One more, for a second look at the Inbox.
    calls: allowed(state.spent, turn.now) + 1,
    blocked: blockedOf(state),
    until
  })
}

/** A badge that events told costs as much as a call: it is of no use to anybody more often. */
const costUnasked = (mails: number): number => (mails > 0 ? Math.min(1, mails * UNASKED) : 1)

const isBelieved = ({ unread: before }: State, unread: number): boolean =>
  before >= 0 && Math.abs(unread - before) <= CHANGE_MAX

/** After a start nobody's Inbox has been read yet: asked all at once, Exchange would hear of nothing else. */
const confirmAt = ({ inboxRead, user }: State, env: Env): number =>
  inboxRead > 0 ? inboxRead + INBOX_CONFIRM_EVERY : env.listeningSince + (hash53(user) % INBOX_CONFIRM_EVERY)

/** The count that events told, where Exchange was not asked: it may fall, but rises no further than is believed. */
const toldUnread = ({ unread: before }: State, { unread }: Round): number | undefined =>
  unread === undefined || before < 0 ? unread : Math.min(unread, before + CHANGE_MAX)

const unasked: FetchResult = {
  mails: undefined,
  elsewhere: [],
  missed: undefined,
  calls: 0,
  unread: undefined,
  compliance: undefined,
  trouble: undefined
}

const announce = (turn: Turn, round: Round, result: FetchResult): void => {
  const { arrivals, done } = sift(turn.state, round, result, turn.now)
  if (done.length > 0) turn.set({ ledger: settleWeakly(turn.state.ledger, done) })
  const before = turn.state.unread
  const told = result.unread ?? toldUnread(turn.state, round)
  const unread = told ?? (before < 0 ? -1 : before + arrivals.length)
  if (unread !== before) turn.set({ unread })
  if (unread !== before && result.unread === undefined && turn.state.hearsay === 0) {
    turn.set({ hearsay: turn.now })
  }
  const badgeChanged = unread >= 0 && unread !== turn.state.badge
  if (arrivals.length === 0 && !badgeChanged) {
    turn.set({ work: idle })
    return finish(turn, round, true)
  }
  if (result.calls === 0) {
    turn.set({ spent: spend(turn.state.spent, costUnasked(arrivals.length), turn.now) })
  }
  const job = turn.nextJob()
  turn.set({ work: { _tag: "Pushing", job, round } })
  turn.do({
    _tag: "Announce",
    job,
    activityId: round.activityId,
    mails: arrivals,
    badge: known(unread),
    badgeChanged,
    previousBadge: known(turn.state.badge),
    badgeCounted: told === undefined,
    ledger: turn.state.ledger,
    backlog: turn.state.backlog,
    details: detailsOf(round, result),
    asking: askingOf(turn.state),
    blocked: blockedOf(turn.state),
    until: round.arrivedAt + turn.env.callbackDeadline * 0.95
  })
}

/** The round is over: Exchange gets its answer. The watermark is written with the ledger, never before it. */
const finish = (turn: Turn, round: Round, kept: boolean): void => {
  if (kept && round.watermark !== undefined) turn.set({ watermark: digest(round.watermark) })
  if (!kept || !round.searched) returnGap(turn, round)
  turn.do({ _tag: "Note", watermark: kept ? round.watermark : undefined, soon: true })
  const staying = round.waiters.filter((waiter) => !round.leaving.includes(waiter))
  turn.replyAll(staying, kept ? "Ok" : "Retry")
  turn.replyAll(round.leaving, kept ? "Unsubscribe" : "Retry")
  startNext(turn)
  if (round.f !== undefined && !round.blind) reform(turn, { ...round, f: round.f })
}

const startNext = (turn: Turn): void => {
  const { next } = turn.state
  if (next === undefined || turn.state.work._tag !== "Idle") return
  turn.set({ next: undefined })
  start(turn, next)
}

/** There is no place for it now: Exchange sends it again. */
const turnAway = (turn: Turn, round: Round): void => {
  returnGap(turn, round)
  turn.replyAll(round.waiters, "Retry")
}

/** What may have been missed is another round's business. */
const returnGap = (turn: Turn, { gap }: Round): void => {
  if (gap > 0) turn.set({ gapSince: earliest(turn.state.gapSince, gap) })
}

const known = (count: number): number | undefined => (count < 0 ? undefined : count)
