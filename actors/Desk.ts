import { Redacted } from "effect"
import type { Callback, DeviceReply } from "../schemas/SubscriptionMessage.ts"
import { releaseEarly } from "./Callbacks.ts"
import { depart } from "./Departure.ts"
import type { DeskRequest, DeskResult, EnrolResult, JobId, Waiter } from "./SubscriptionProtocol.ts"
import {
  canAsk,
  digest,
  type Early,
  free,
  isListening,
  type Queued,
  RECENT,
  type State
} from "./SubscriptionState.ts"
import type { Turn } from "./Turn.ts"

const QUEUE_MAX = 16
/** At most so many new subscriptions of a user in so many milliseconds (contract section 2). */
const SUBSCRIPTIONS_MAX = 5
const SUBSCRIPTIONS_PER = RECENT

/** A device asks for something: served one after another, because each may change what the next one finds. */
export const onDesk = (turn: Turn, waiter: Waiter, request: DeskRequest): void => {
  const { desk, queue, generation } = turn.state
  const queued: Queued = { waiter, request, generation }
  if (desk._tag === "Free") return serve(turn, queued)
  if (queue.length >= QUEUE_MAX) return turn.reply(waiter, tooMany("too many requests of this user wait", 5))
  turn.set({ queue: [...queue, queued] })
}

/** The generation that a Subscribe in flight will have; 0 = none is in flight. */
export const subscribingGeneration = (state: State): number =>
  state.desk._tag === "Free" ? 0 : state.desk.generation

/** Exchange ended the subscription: make a new one with the credentials that the callback carries. */
export const startRenewal = (turn: Turn, callback: Callback): void => {
  if (subscribingGeneration(turn.state) > 0) return
  const { activityId, f, generation } = callback
  turn.set({ renewal: { from: generation, f, activityId } })
  if (turn.state.desk._tag === "Free") renew(turn)
}

const renew = (turn: Turn): void => {
  const { renewal } = turn.state
  turn.set({ renewal: undefined })
  // A device may have had a new one made meanwhile.
  if (renewal === undefined || renewal.from !== turn.state.generation) return
  if (!canAsk(turn.state) || exhausted(turn)) return fellSilent(turn)
  const job = turn.nextJob()
  const generation = nextGeneration(turn.state)
  turn.set({ attempted: generation, desk: { _tag: "Renewing", job, generation, early: [] } })
  turn.do({ _tag: "Renew", job, generation, ...renewal })
}

export const onDesked = (turn: Turn, job: JobId, result: DeskResult): void => {
  const { desk } = turn.state
  if (desk._tag !== "Serving" || desk.job !== job) return
  switch (result._tag) {
    case "NeedsSubscription":
      turn.set({ desk: free })
      return subscribeFor(turn, {
        waiter: desk.waiter,
        request: desk.request,
        generation: turn.state.generation
      })
    case "Answer":
      turn.reply(desk.waiter, result.reply)
      break
    case "Gone":
      turn.reply(desk.waiter, result.reply)
      turn.set({ desk: free })
      return depart(turn)
    case "Subscribed":
      subscribed(turn, result)
      // The app is awake and knows its own count: nothing has to be sent for the present one.
      turn.set({ badge: result.unread })
      turn.reply(desk.waiter, result.reply)
      break
    case "Failed":
      failed(turn, result)
      turn.reply(desk.waiter, result.reply)
      break
  }
  proceed(turn, desk.early, result._tag === "Subscribed" ? digest(result.subscriptionId) : 0)
}

export const onRenewed = (turn: Turn, job: JobId, result: EnrolResult): void => {
  const { desk } = turn.state
  if (desk._tag !== "Renewing" || desk.job !== job) return
  if (result._tag === "Subscribed") subscribed(turn, result)
  else {
    failed(turn, result)
    if (result.rejected && canAsk(turn.state)) {
      turn.set({ rejected: turn.state.generation })
      turn.link("CredentialsRejected")
      turn.log("credentials rejected")
    } else fellSilent(turn)
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
  if (queued.request._tag === "Register" && needsSubscription(turn.state, queued))
    return subscribeFor(turn, queued)
  start(turn, queued, 0)
}

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
  const { waiter, request } = queued
  turn.set({
    attempted: Math.max(turn.state.attempted, generation),
    desk: { _tag: "Serving", job, waiter, request, generation, early: [] }
  })
  turn.do({ _tag: "Desk", job, request, generation })
}

/**
 * Contract section 2, "When register makes a new subscription". One that was made after this request came is as good
 * as one made for it; the request still proves its own credentials.
 */
const needsSubscription = (state: State, { request, generation }: Queued): boolean => {
  if (request._tag !== "Register") return false
  const sameEndpoint = request.ewsUrl === undefined || digest(request.ewsUrl) === state.endpoint
  if (isListening(state.link) && sameEndpoint && generation < state.generation) return false
  const hasBearer = Redacted.value(request.credentials).accessToken !== undefined
  return request.force || !isListening(state.link) || !sameEndpoint || hasBearer
}

const subscribed = (turn: Turn, result: EnrolResult & { readonly _tag: "Subscribed" }): void => {
  const wasSilent = turn.state.link === "Overdue" || turn.state.link === "Lost"
  turn.set({
    link: "Unconfirmed",
    linkSince: turn.now,
    nudges: 0,
    generation: result.generation,
    subscription: digest(result.subscriptionId),
    watermark: digest(result.watermark),
    endpoint: result.endpoint,
    lastHeard: turn.now,
    inboxRead: turn.now,
    unread: result.unread,
    tokenExpiresAt: result.tokenExpiresAt,
    tokenNoticed: false,
    subscribedAt: [...recent(turn), turn.now]
  })
  // The ledger goes with the new generation: what was still to be written under the old one is passed over.
  turn.do({ _tag: "Note", watermark: result.watermark, soon: true })
  if (wasSilent) turn.do({ _tag: "Revived", heard: false })
}

const failed = (turn: Turn, result: EnrolResult & { readonly _tag: "Failed" }): void => {
  if (!result.refused) return
  turn.set({ refused: Math.max(turn.state.refused, result.generation) })
  turn.do({ _tag: "Refuse", generation: result.generation })
}

/** The desk is free: early callbacks go their way, and the next request is served. */
const proceed = (turn: Turn, early: ReadonlyArray<Early>, subscription: number): void => {
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

const fellSilent = (turn: Turn): void => {
  if (!isListening(turn.state.link)) return
  turn.link("Overdue")
  turn.log("silent for too long")
}

const nextGeneration = (state: State): number =>
  Math.max(state.generation, state.attempted, state.refused) + 1

const recent = (turn: Turn): ReadonlyArray<number> =>
  turn.state.subscribedAt.filter((at) => turn.now - at < SUBSCRIPTIONS_PER)

const exhausted = (turn: Turn): boolean => recent(turn).length >= SUBSCRIPTIONS_MAX

const tooMany = (what: string, retryAfterSeconds: number): DeviceReply => ({
  code: "UpdateFail",
  message: `${what}; try again in ${retryAfterSeconds} s`,
  status: 429,
  retryAfterSeconds
})
