import { Redacted } from "effect"
import { isLive } from "../schemas/LinkState.ts"
import type { DeviceReply } from "../schemas/SubscriptionMessage.ts"
import { releaseEarly } from "./Callbacks.ts"
import { closeGap, missedSince } from "./CatchUp.ts"
import { letPass } from "./Compliance.ts"
import { depart } from "./Departure.ts"
import type { DeskResult, EnrolResult } from "./JobResults.ts"
import { renew } from "./Renewal.ts"
import type { DeskRequest, JobId, Waiter } from "./SubscriptionProtocol.ts"
import { digest, type Env, isOutdated, RECENT, type State } from "./SubscriptionState.ts"
import type { Turn } from "./Turn.ts"
import { type Early, free, type Queued } from "./UnderWay.ts"

const QUEUE_MAX = 16
/** At most so many new subscriptions of a user in so many milliseconds (contract section 2). */
const SUBSCRIPTIONS_MAX = 5
const SUBSCRIPTIONS_PER = RECENT
/** A device waits 30 s for its answer, its turn in the queue included; what is stored in the end takes time, too. */
const SERVED_WITHIN = 27_000

/** A device asks for something: served one after another, because each may change what the next one finds. */
export const onDesk = (turn: Turn, waiter: Waiter, request: DeskRequest): void => {
  const { desk, queue, generation } = turn.state
  const queued: Queued = { waiter, request, generation, cameAt: turn.now }
  if (desk._tag === "Free") return serve(turn, queued)
  if (queue.length >= QUEUE_MAX) return turn.reply(waiter, tooMany("too many requests of this user wait", 5))
  turn.set({ queue: [...queue, queued] })
}

/** The generation that a Subscribe in flight will have; 0 = none is in flight. */
export const subscribingGeneration = (state: State): number =>
  state.desk._tag === "Free" ? 0 : state.desk.generation

export const onDesked = (turn: Turn, job: JobId, result: DeskResult): void => {
  const { desk } = turn.state
  if (desk._tag !== "Serving" || desk.job !== job) return
  switch (result._tag) {
    case "NeedsSubscription":
      turn.set({ desk: free })
      return subscribeFor(turn, {
        waiter: desk.waiter,
        request: desk.request,
        generation: turn.state.generation,
        cameAt: desk.cameAt
      })
    case "Answer":
      if (result.proven !== undefined) letPass(turn, [result.proven])
      turn.reply(desk.waiter, result.reply)
      break
    case "Gone":
      turn.reply(desk.waiter, result.reply)
      turn.set({ desk: free })
      return depart(turn)
    case "Subscribed":
      // The app is awake and knows its own count: nothing has to be sent for the present one.
      turn.set({ badge: result.unread })
      turn.reply(desk.waiter, result.reply)
      subscribed(turn, result, desk.since, desk.request.activityId)
      break
    case "Failed":
      failed(turn, result)
      turn.reply(desk.waiter, result.reply)
      break
  }
  proceed(turn, desk.early, result._tag === "Subscribed" ? digest(result.subscriptionId) : 0)
}

export const onRemoved = (turn: Turn, job: JobId, gone: boolean): void => {
  const { desk } = turn.state
  if (desk._tag !== "Removing" || desk.job !== job) return
  if (gone) return depart(turn)
  proceed(turn, [], 0)
}

const serve = (turn: Turn, queued: Queued): void => {
  if (queued.request._tag === "Register" && needsSubscription(turn.state, queued, turn.env))
    return subscribeFor(turn, queued)
  if (isRevived(turn.state, queued.request)) {
    turn.reply(queued.waiter, { code: "UserAlreadySubscribed", message: "the subscription is not lost" })
    return proceed(turn, [], 0)
  }
  start(turn, queued, 0)
}

/** The user was to be removed because nothing was heard any more, and something was. */
const isRevived = (state: State, request: DeskRequest): boolean =>
  request._tag === "Unregister" && request.onlyIf?._tag === "Lost" && state.link !== "Lost"

const subscribeFor = (turn: Turn, queued: Queued): void => {
  if (exhausted(turn)) {
    const oldest = turn.state.subscribedAt[0] ?? turn.now
    const wait = Math.max(1, Math.ceil((oldest + SUBSCRIPTIONS_PER - turn.now) / 1000))
    turn.reply(queued.waiter, tooMany("too many new subscriptions of this user", wait))
    return proceed(turn, [], 0)
  }
  start(turn, queued, nextGeneration(turn.state))
}

const start = (turn: Turn, queued: Queued, generation: number): void => {
  const job = turn.nextJob()
  const { cameAt, waiter, request } = queued
  const since = generation > 0 ? missedSince(turn.state, turn.env) : 0
  turn.set({
    attempted: Math.max(turn.state.attempted, generation),
    desk: { _tag: "Serving", job, waiter, request, cameAt, generation, since, early: [] }
  })
  turn.do({ _tag: "Desk", job, request, generation, since, until: cameAt + SERVED_WITHIN })
}

/**
 * Contract section 2, "When register makes a new subscription"; and one that was made otherwise than the settings say now
 * is made anew. One that was made after this request came is as good as one made for it; the request still proves its own
 * credentials.
 */
const needsSubscription = (state: State, { request, generation }: Queued, env: Env): boolean => {
  if (request._tag !== "Register") return false
  const sameEndpoint = request.ewsUrl === undefined || digest(request.ewsUrl) === state.endpoint
  if (isLive(state.link) && sameEndpoint && generation < state.generation) return false
  const hasBearer = Redacted.value(request.credentials).accessToken !== undefined
  return request.force || !isLive(state.link) || !sameEndpoint || hasBearer || isOutdated(state, env)
}

/** The new subscription is in force; mails since `since` that none reported were looked for (0: there is no such time). */
export const subscribed = (
  turn: Turn,
  result: EnrolResult & { readonly _tag: "Subscribed" },
  since: number,
  activityId: string
): void => {
  const wasSilent = turn.state.link === "Overdue" || turn.state.link === "Lost"
  turn.set({
    link: "Unconfirmed",
    linkSince: turn.now,
    nudges: 0,
    generation: result.generation,
    subscription: digest(result.subscriptionId),
    watermark: digest(result.watermark),
    endpoint: result.endpoint,
    form: turn.env.form,
    lastHeard: turn.now,
    inboxRead: turn.now,
    unread: result.unread,
    tokenExpiresAt: result.tokenExpiresAt,
    sealedSince: result.sealedSince,
    tokenNoticed: false,
    subscribedAt: [...recent(turn), turn.now]
  })
  letPass(turn, result.passed)
  // The ledger goes with the new generation: what was still to be written under the old one is passed over.
  turn.do({ _tag: "Note", watermark: result.watermark, soon: true })
  if (wasSilent) turn.do({ _tag: "Revived", heard: false })
  closeGap(turn, since, { missed: result.missed, unread: result.unread, activityId })
}

/** The attempt came to nothing; what it may have left at Exchange is refused. */
export const failed = (turn: Turn, result: EnrolResult & { readonly _tag: "Failed" }): void => {
  if (!result.refused) return
  turn.set({ refused: Math.max(turn.state.refused, result.generation) })
  turn.do({ _tag: "Refuse", generation: result.generation })
}

/** The desk is free: early callbacks go their way, and the next request is served. */
export const proceed = (turn: Turn, early: ReadonlyArray<Early>, subscription: number): void => {
  turn.set({ desk: free })
  for (const callback of early) {
    const { round, subscriptionId } = callback
    const ours =
      subscription !== 0 && (subscriptionId === undefined || digest(subscriptionId) === subscription)
    if (ours) releaseEarly(turn, callback)
    else if (round !== undefined) turn.replyAll(round.waiters, "Retry")
  }
  if (turn.state.renewal !== undefined) renew(turn)
  if (turn.state.desk._tag !== "Free") return
  const [queued, ...queue] = turn.state.queue
  if (queued === undefined) return
  turn.set({ queue })
  serve(turn, queued)
}

/** The number of the next attempt to subscribe. */
export const nextGeneration = (state: State): number =>
  Math.max(state.generation, state.attempted, state.refused) + 1

const recent = (turn: Turn): ReadonlyArray<number> =>
  turn.state.subscribedAt.filter((at) => turn.now - at < SUBSCRIPTIONS_PER)

/** No further subscription may be made now. */
export const exhausted = (turn: Turn): boolean => recent(turn).length >= SUBSCRIPTIONS_MAX

const tooMany = (what: string, retryAfterSeconds: number): DeviceReply => ({
  code: "UpdateFail",
  message: `${what}; try again in ${retryAfterSeconds} s`,
  status: 429,
  retryAfterSeconds
})
