import { Exit } from "effect"
import { type PushNotification, Verdict } from "../../schemas/Push.ts"
import type { BadgeTicket } from "./BadgeLanes.ts"
import type { Landing } from "./Flights.ts"

/** A notification in the push stage. */
export interface Entry {
  readonly notification: PushNotification
  readonly badge: BadgeTicket | undefined
  /** When it was handed in. */
  readonly since: number
  /** When it may be tried again at the latest; undefined: never. */
  readonly until: number | undefined
  retries: number
  /** Never waits: what opened the circuit left a slot free, and only one probe is under way. */
  probe: boolean
  /** It was answered, or its sender has gone. */
  isOver: boolean
  /** Takes it out of where it waits; nothing once it is under way. */
  leave: () => void
  readonly answered: (verdict: Verdict) => void
}

/** Entries and what is sent of them, in the same order. */
export interface Batch {
  readonly entries: ReadonlyArray<Entry>
  readonly notifications: ReadonlyArray<PushNotification>
}

/** Milliseconds after which a request is given up, whatever its gateway's own timeouts are. */
export const REQUEST_LONGEST = 60_000

export const NOTHING = () => {}

export const DELIVERED = Verdict.Delivered()
/** Whether the gateway took it is not known; a repeat has the same id and does no harm. */
export const UNKNOWN = Verdict.RetryLater({ after: 0 })
export const SHUTTING_DOWN = Verdict.RetryLater({ after: 0 })
export const QUEUE_FULL = Verdict.GatewayDown({ reason: "queue full" })
const NO_ANSWER = Verdict.GatewayDown({ reason: `no answer within ${REQUEST_LONGEST / 1000} s` })

/** What a request has come to for the notification at this place in it. */
export const verdictIn = (landing: Landing, index: number): Verdict =>
  landing === undefined
    ? NO_ANSWER
    : ((Exit.isSuccess(landing) ? landing.value[index] : undefined) ?? UNKNOWN)
