import type { Redacted } from "effect"
import type { Mail } from "../schemas/EwsMessage.ts"
import type { ItemId, SubscriptionId, Watermark } from "../schemas/Ids.ts"
import type {
  Callback,
  CallbackReply,
  DeviceReply,
  FlushOutbox,
  GetStatus,
  Register,
  Unregister,
  UpdateDeviceToken
} from "../schemas/SubscriptionMessage.ts"
import type { Ledger } from "./Ledger.ts"
import type { Arrival } from "./MailEvents.ts"

/**
 * What goes in and out of the pure core (`decide`): inputs carry a `waiter`, the number of whoever waits for a reply;
 * every waiter gets exactly one `Reply`. Commands start jobs; each job comes back as exactly one input.
 */

/** Number of a waiting reply; the shell knows the way back. 0 = nobody waits. */
export type Waiter = number
/** Number of a job, rising per actor, so that a late result of an earlier one is told apart. */
export type JobId = number

/** What storage says of a callback of another generation than the live one: adopt it, or what to answer. */
export type Verdict = "Adopt" | "Unsubscribe" | "Unknown" | "Retry"

/** What storage knows of a subscription that its actor does not: the actor crashed while it was being made. */
export interface StoredSubscription {
  readonly subscription: number
  readonly endpoint: number
  readonly tokenExpiresAt: number
  readonly subscribedAt: number
}

/** How a callback that crashed the actor before is handled: as usual, without asking Exchange, or not at all. */
export type Suspicion = "none" | "generic" | "poison"

/** A device request, served one after another. */
export type DeskRequest = Register | Unregister | UpdateDeviceToken

export type Input =
  | {
      readonly _tag: "Callback"
      readonly waiter: Waiter
      readonly callback: Callback
      readonly suspicion: Suspicion
    }
  | { readonly _tag: "Desk"; readonly waiter: Waiter; readonly request: DeskRequest }
  | { readonly _tag: "Status"; readonly waiter: Waiter; readonly request: GetStatus }
  | { readonly _tag: "Flush"; readonly waiter: Waiter; readonly request: FlushOutbox }
  | { readonly _tag: "Due" }
  | { readonly _tag: "Fetched"; readonly job: JobId; readonly result: FetchResult }
  | { readonly _tag: "Announced"; readonly job: JobId; readonly result: AnnounceResult }
  | { readonly _tag: "Desked"; readonly job: JobId; readonly result: DeskResult }
  | { readonly _tag: "Renewed"; readonly job: JobId; readonly result: EnrolResult }
  | { readonly _tag: "Removed"; readonly job: JobId; readonly gone: boolean }
  | {
      readonly _tag: "Consulted"
      readonly waiter: Waiter
      readonly callback: Callback
      readonly suspicion: Suspicion
      readonly verdict: Verdict
      /** With `Adopt`, if storage has the subscription. */
      readonly stored: StoredSubscription | undefined
    }
  | { readonly _tag: "Looked"; readonly waiter: Waiter; readonly known: boolean | undefined }

export type Command =
  | { readonly _tag: "Reply"; readonly waiter: Waiter; readonly reply: CallbackReply | DeviceReply | number }
  /** Ask Exchange for the mails' details and, if wanted, the unread count. */
  | {
      readonly _tag: "Fetch"
      readonly job: JobId
      readonly generation: number
      readonly f: Redacted.Redacted<string>
      readonly activityId: string
      readonly items: ReadonlyArray<ItemId>
      readonly unread: boolean
      /** Ask for the mails that wait in the outbox, too. */
      readonly backlog: boolean
      /** When the answer is of no use any more. */
      readonly until: number
    }
  /** Notify the devices, and put what no gateway takes in time into the outbox. */
  | {
      readonly _tag: "Announce"
      readonly job: JobId
      readonly activityId: string
      readonly mails: ReadonlyArray<Announcement>
      /** The Inbox's unread count; undefined = unknown. */
      readonly badge: number | undefined
      /** The badge has changed: devices that get no mail get it alone. */
      readonly badgeChanged: boolean
      /** What iOS devices show so far; undefined = unknown. */
      readonly previousBadge: number | undefined
      /** Verdicts so far. */
      readonly ledger: Ledger
      /** Send what waits in the outbox, too. */
      readonly backlog: boolean
      /** All that the fetch brought, for waiting mails too. */
      readonly details: ReadonlyArray<Mail>
      /** Why devices should register anew, if they should: a waiting silent push is of no use otherwise. */
      readonly asking: Asking | undefined
      readonly until: number
    }
  /** Serve a device. `generation` > 0: make a new subscription of that number; 0: prove and store only. */
  | {
      readonly _tag: "Desk"
      readonly job: JobId
      readonly request: DeskRequest
      readonly generation: number
    }
  /** Make a new subscription with the credentials in `f` of a generation. */
  | {
      readonly _tag: "Renew"
      readonly job: JobId
      readonly generation: number
      readonly from: number
      readonly f: Redacted.Redacted<string>
      readonly activityId: string
    }
  /** Read storage to learn what a callback of another generation than the live one deserves. */
  | {
      readonly _tag: "Consult"
      readonly waiter: Waiter
      readonly callback: Callback
      readonly suspicion: Suspicion
    }
  /** Does the user have this device? */
  | { readonly _tag: "Look"; readonly waiter: Waiter; readonly deviceToken: string }
  /** Ask every device to register again, but for those that have been asked since (ms since 1970). */
  | { readonly _tag: "Nudge"; readonly reason: Asking; readonly since: number }
  /** Nothing has to be asked any more. `heard`: because a callback came, so callbacks reach us. */
  | { readonly _tag: "Revived"; readonly heard: boolean }
  /** Hot state changed: write it, `soon` unless only a heartbeat came. */
  | { readonly _tag: "Note"; readonly watermark: Watermark | undefined; readonly soon: boolean }
  /** Link, its age or the number of nudges changed: write it soon. */
  | { readonly _tag: "NoteLink" }
  | {
      readonly _tag: "Adopt"
      readonly generation: number
      readonly subscriptionId: SubscriptionId | undefined
    }
  | { readonly _tag: "Refuse"; readonly generation: number }
  | { readonly _tag: "DeadLetter"; readonly key: number; readonly subscriptionId: string | undefined }
  /** The user is lost: replace the keys, so that URLs out there open nothing. */
  | { readonly _tag: "RetireKeys" }
  /** Remove the user, unless a device has registered. */
  | { readonly _tag: "Remove"; readonly job: JobId }
  /** The user is gone: the actor ends. */
  | { readonly _tag: "Stop" }
  /** Something an operator may want to read; names are the log's. */
  | {
      readonly _tag: "Log"
      readonly event: LogEvent
      readonly activityId: string | undefined
      readonly subscriptionId: string | undefined
    }

export type LogEvent =
  | "callback of an old subscription"
  | "callback of a subscription whose proof failed"
  | "adopted a subscription that storage did not know"
  | "events may have been missed"
  | "Exchange reports the subscription broken"
  | "silent for too long"
  | "never called back"
  | "heard again"
  | "credentials rejected"
  | "credentials expired"
  | "given up"
  | "acknowledged a callback that always crashes"

/** A mail to announce; without details when Exchange could not be asked. */
export interface Announcement {
  readonly itemId: ItemId
  readonly mail: Mail | undefined
}

/** Why a silent push asks for a registration. */
export type Asking = "overdue" | "credentials"

export interface FetchResult {
  /** undefined: Exchange was not asked, or did not answer in time. */
  readonly mails: ReadonlyArray<Mail> | undefined
  /** Items that belong to the Inbox as far as can be told. */
  readonly elsewhere: ReadonlyArray<ItemId>
  readonly unread: number | undefined
  /** `rejected`: a definite 401; `sealed`: the credentials cannot be opened any more. */
  readonly trouble: "rejected" | "sealed" | "other" | undefined
}

export interface AnnounceResult {
  /** Ledger entries of what is final now (delivered, given up, or committed to the outbox). */
  readonly settled: ReadonlyArray<number>
  /** False: some device's notification is neither delivered nor kept; Exchange must send the callback again. */
  readonly kept: boolean
  /** The badge that iOS devices show now; undefined = unchanged. */
  readonly badge: number | undefined
  /** Entries that left the outbox. */
  readonly flushed: number
  /** The outbox still holds something of this user. */
  readonly waiting: boolean
  /** No device is left whose token works. */
  readonly deviceless: boolean
}

/** How an attempt to subscribe ended. */
export type EnrolResult =
  | {
      readonly _tag: "Subscribed"
      readonly generation: number
      readonly subscriptionId: SubscriptionId
      readonly watermark: Watermark | undefined
      readonly unread: number
      /** Digest of the EWS URL. */
      readonly endpoint: number
      /** 0 = the credentials do not expire. */
      readonly tokenExpiresAt: number
      readonly reply: DeviceReply
    }
  /** `refused`: Exchange may hold a subscription of this generation that must be ended. `rejected`: a definite 401. */
  | {
      readonly _tag: "Failed"
      readonly generation: number
      readonly refused: boolean
      readonly rejected: boolean
      readonly reply: DeviceReply
    }

export type DeskResult =
  | EnrolResult
  /** The proof needs a new subscription (another mailbox fingerprint, or none yet). */
  | { readonly _tag: "NeedsSubscription" }
  | { readonly _tag: "Answer"; readonly reply: DeviceReply }
  | { readonly _tag: "Gone"; readonly reply: DeviceReply }

/** Work on one or more callbacks that report the same or following events. */
export interface Round {
  readonly waiters: ReadonlyArray<Waiter>
  readonly keys: ReadonlyArray<number>
  readonly generation: number
  readonly f: Redacted.Redacted<string>
  readonly activityId: string
  readonly arrivals: ReadonlyArray<Arrival>
  readonly unread: number | undefined
  /** Hash of the Inbox's folder id as events spell it; 0 = unknown. */
  readonly inbox: number
  /** Of a subscription that was replaced: once its mails are in good hands it is ended. */
  readonly farewell: boolean
  /** No questions to Exchange. */
  readonly blind: boolean
  /** It may be the one that crashed the actor before: nothing else is handled together with it. */
  readonly alone: boolean
  readonly watermark: Watermark | undefined
  readonly arrivedAt: number
}
