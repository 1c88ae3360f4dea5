import type { Redacted } from "effect"
import type { Callback } from "../schemas/SubscriptionMessage.ts"
import { allowedAt, RENEW_CALLS, spend } from "./Allowance.ts"
import { missedSince } from "./CatchUp.ts"
import { exhausted, failed, nextGeneration, proceed, subscribed } from "./Desk.ts"
import type { EnrolResult } from "./JobResults.ts"
import type { JobId } from "./SubscriptionProtocol.ts"
import { blockedOf, canAsk, digest, hasOldKey, isListening, isOutdated } from "./SubscriptionState.ts"
import type { Turn } from "./Turn.ts"
import type { Renewal } from "./UnderWay.ts"

/** A subscription that works is tried to be made anew at most once in this time. */
const REFORM_EVERY = 60 * 60_000

/** Exchange ended the subscription: make a new one with the credentials that the callback carries. */
export const renewBroken = (turn: Turn, callback: Callback, resume: boolean): void => {
  const { desk } = turn.state
  if (desk._tag === "Renewing" && desk.renewal.broken) return
  // If a device has one made at this moment, and that fails, this is tried next.
  turn.set({ renewal: renewalWith(callback, true, resume) })
  if (desk._tag === "Free") renew(turn)
}

/** Credentials, and the generation that they came with. */
interface Bearer {
  readonly activityId: string
  readonly f: Redacted.Redacted<string>
  readonly generation: number
}

/**
 * Settings have changed since the live subscription was made, or the key that it is sealed with is old: it is made anew, and
 * stays in force until the new one is stored, which ends it. Not urgent: only while nothing else is under way, and few at a
 * time over all users.
 */
export const reform = (turn: Turn, bearer: Bearer): void => {
  const { desk, generation, link, reformedAt, work } = turn.state
  const isOtherwise = isOutdated(turn.state, turn.env)
  if (!isOtherwise && !hasOldKey(turn.state, turn.env)) return
  if (!isListening(link) || bearer.generation !== generation) return
  if (desk._tag !== "Free" || work._tag !== "Idle" || !turn.env.mayReform || exhausted(turn)) return
  if (reformedAt > 0 && turn.now - reformedAt < REFORM_EVERY) return
  turn.log(
    isOtherwise
      ? "the subscription was made with other settings than now and is renewed"
      : "the key that seals the credentials is old; it is replaced, and the subscription renewed",
    bearer.activityId
  )
  turn.set({ reformedAt: turn.now, renewal: renewalWith(bearer, false, turn.state.gapSince === 0) })
  renew(turn)
}

/** The desk is free for what waits to be renewed. */
export const renew = (turn: Turn): void => {
  const { renewal, spent } = turn.state
  // The timer comes back to it.
  if (renewal !== undefined && turn.now < allowedAt(spent, RENEW_CALLS)) return
  turn.set({ renewal: undefined })
  // A device may have had a new one made meanwhile.
  if (renewal === undefined || renewal.from !== turn.state.generation) return
  if (!canAsk(turn.state) || exhausted(turn)) return renewal.broken ? fellSilent(turn) : undefined
  const job = turn.nextJob()
  const generation = nextGeneration(turn.state)
  const since = missedSince(turn.state, turn.env)
  const { activityId, f, from, resume } = renewal
  turn.set({
    attempted: generation,
    spent: spend(spent, RENEW_CALLS, turn.now),
    desk: { _tag: "Renewing", job, renewal, generation, since, early: [] }
  })
  const blocked = blockedOf(turn.state)
  turn.do({ _tag: "Renew", job, generation, from, f, activityId, resume, since, blocked })
}

export const onRenewed = (turn: Turn, job: JobId, result: EnrolResult): void => {
  const { desk } = turn.state
  if (desk._tag !== "Renewing" || desk.job !== job) return
  const { activityId, broken } = desk.renewal
  if (result._tag === "Subscribed") subscribed(turn, result, desk.since, activityId)
  else {
    failed(turn, result)
    if (result.rejected && canAsk(turn.state)) {
      turn.set({ rejected: turn.state.generation })
      turn.link("CredentialsRejected")
      turn.log("credentials rejected")
    } else if (broken) fellSilent(turn)
  }
  proceed(turn, desk.early, result._tag === "Subscribed" ? digest(result.subscriptionId) : 0)
}

const renewalWith = ({ activityId, f, generation }: Bearer, broken: boolean, resume: boolean): Renewal => ({
  from: generation,
  f,
  activityId,
  broken,
  resume
})

const fellSilent = (turn: Turn): void => {
  if (!isListening(turn.state.link)) return
  turn.link("Overdue")
  turn.log("silent for too long")
}
