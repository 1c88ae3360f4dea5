import type { Redacted } from "effect"
import type { Watermark } from "../schemas/Ids.ts"
import type { Round } from "./Round.ts"
import type { DeskRequest, JobId, Waiter } from "./SubscriptionProtocol.ts"

/** What a subscription can be made anew with. */
export interface Renewal {
  /** Its generation. */
  readonly from: number
  readonly f: Redacted.Redacted<string>
  readonly activityId: string
  /** Exchange reports it broken; else it works, but was made otherwise than it would be made now, or its key is old. */
  readonly broken: boolean
  /** Events can go on where its own ended. */
  readonly resume: boolean
}

/** What is being done about callbacks. */
export type Work =
  | { readonly _tag: "Idle" }
  /** Only the badge is wanted, and the Inbox was read a moment ago. */
  | { readonly _tag: "Resting"; readonly until: number; readonly round: Round }
  | { readonly _tag: "Fetching"; readonly job: JobId; readonly round: Round }
  | { readonly _tag: "Pushing"; readonly job: JobId; readonly round: Round }
  | { readonly _tag: "Flushing"; readonly job: JobId; readonly waiters: ReadonlyArray<Waiter> }

/** What is being done for devices. */
export type Desk =
  | { readonly _tag: "Free" }
  | {
      readonly _tag: "Serving"
      readonly job: JobId
      readonly waiter: Waiter
      readonly request: DeskRequest
      readonly cameAt: number
      /** 0 = no new subscription is being made. */
      readonly generation: number
      /** Mails that came since then are looked for; 0 = none. */
      readonly since: number
      /** Callbacks of that generation which came before Exchange's answer. */
      readonly early: ReadonlyArray<Early>
    }
  /** The user is being removed, because no device is left. */
  | {
      readonly _tag: "Removing"
      readonly job: JobId
      readonly generation: number
      readonly early: ReadonlyArray<Early>
    }
  | {
      readonly _tag: "Renewing"
      readonly job: JobId
      readonly renewal: Renewal
      readonly generation: number
      readonly since: number
      readonly early: ReadonlyArray<Early>
    }

export interface Early {
  /** undefined: a heartbeat, which was answered at once. */
  readonly round: Round | undefined
  /** The last one it told of. */
  readonly watermark: Watermark | undefined
  readonly activityId: string
  readonly subscriptionId: string | undefined
}

export interface Queued {
  readonly waiter: Waiter
  readonly request: DeskRequest
  /** Live generation when the request came: a higher one since then is as good as one made for it. */
  readonly generation: number
  readonly cameAt: number
}

export const idle: Work = { _tag: "Idle" }
export const free: Desk = { _tag: "Free" }
