import type { Redacted } from "effect"
import type { Mail } from "../schemas/EwsMessage.ts"
import type { DeviceNumber, ItemId, SubscriptionId, Watermark } from "../schemas/Ids.ts"
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
import type { AnnounceResult, DeskResult, EnrolResult, FetchResult } from "./JobResults.ts"
import type { Ledger } from "./Ledger.ts"

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
  readonly sealedSince: number
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
  /** `known`: the device's number, false if the user has no such device, undefined while storage cannot say. */
  | { readonly _tag: "Looked"; readonly waiter: Waiter; readonly known: DeviceNumber | false | undefined }

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
      readonly backlog: boolean | undefined
      /** Look for unread mails that came since then; 0 = do not. */
      readonly since: number
      /** So many calls to Exchange may be made. */
      readonly calls: number
      /** What is known so far of devices that a gateway does not let pass. */
      readonly blocked: Blocked
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
      /** The number is the former one and these mails, because nobody told another. */
      readonly badgeCounted: boolean
      /** Verdicts so far. */
      readonly ledger: Ledger
      /** Send what waits in the outbox, too. */
      readonly backlog: boolean | undefined
      /** All that the fetch brought, for waiting mails too. */
      readonly details: ReadonlyArray<Mail>
      /** Why devices should register anew, if they should: a waiting silent push is of no use otherwise. */
      readonly asking: Asking | undefined
      /** These are not to learn of any mail: for them every mail counts as settled. */
      readonly blocked: Blocked
      readonly until: number
    }
  /**
   * Serve a device. `generation` > 0: make a new subscription of that number, and look for mails that came since `since`
   * (0 = do not); 0: prove and store only. `until`: when the device waits no longer.
   */
  | {
      readonly _tag: "Desk"
      readonly job: JobId
      readonly request: DeskRequest
      readonly generation: number
      readonly since: number
      readonly until: number
    }
  /** Make a new subscription with the credentials in `f` of the generation `from`. */
  | {
      readonly _tag: "Renew"
      readonly job: JobId
      readonly generation: number
      readonly from: number
      readonly f: Redacted.Redacted<string>
      readonly activityId: string
      /** Have events go on where those of the old one ended. */
      readonly resume: boolean
      /** Where they cannot: look for mails that came since then. */
      readonly since: number
      readonly blocked: Blocked
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
  | "the Secure Email Gateway lets no device pass"
  | "the Secure Email Gateway lets devices pass again"
  | "the subscription was made with other settings than now and is renewed"
  | "the key that seals the credentials is old; it is replaced, and the subscription renewed"

/** A mail to announce; without details when Exchange could not be asked. */
export interface Announcement {
  readonly itemId: ItemId
  readonly mail: Mail | undefined
  /** It must be the Inbox, which nobody has confirmed of this mail; "": the event names none. undefined: it is in the Inbox. */
  readonly doubted: ItemId | undefined
}

/** Devices that a Secure Email Gateway does not let pass. */
export type Blocked = ReadonlyArray<DeviceNumber> | "all"

/** Why a silent push asks for a registration. */
export type Asking = "overdue" | "credentials"
