import type { Mail } from "../schemas/EwsMessage.ts"
import type { DeviceNumber, ItemId, SubscriptionId, Watermark } from "../schemas/Ids.ts"
import type { DeviceReply } from "../schemas/SubscriptionMessage.ts"

export interface FetchResult {
  /** undefined: Exchange was not asked, or did not answer in time. */
  readonly mails: ReadonlyArray<Mail> | undefined
  /** Items that do not belong to the Inbox as far as can be told. */
  readonly elsewhere: ReadonlyArray<ItemId>
  /** Unread mails of the Inbox since the time that was asked for; undefined: not asked, or no answer in time. */
  readonly missed: ReadonlyArray<Mail> | undefined
  readonly unread: number | undefined
  /** undefined: nothing was learned about devices and gateways. */
  readonly compliance: Compliance | undefined
  /** Calls to Exchange that were made. */
  readonly calls: number
  /** `rejected`: a definite 401; `sealed`: the credentials cannot be opened any more. */
  readonly trouble: "rejected" | "sealed" | "other" | undefined
}

/** What a Secure Email Gateway says of a user's devices. */
export interface Compliance {
  /** Those that it does not let pass. */
  readonly blocked: ReadonlyArray<DeviceNumber>
  /** These are all that the user has. */
  readonly all: boolean
}

/** Devices in whose name a Secure Email Gateway has let a call pass; all where none stands. */
export type Passed = ReadonlyArray<DeviceNumber> | "all"

export interface AnnounceResult {
  /** Ledger entries of what is final now (delivered, given up, or committed to the outbox). */
  readonly settled: ReadonlyArray<number>
  /** Mails that are not told of, since nobody knows whether they are in the Inbox. */
  readonly doubted: number
  /** The number of unread mails does not count them any more. */
  readonly uncounted: boolean
  /** False: some device's notification is neither delivered nor kept; Exchange must send the callback again. */
  readonly kept: boolean
  /** The badge that iOS devices show now; undefined = unchanged. */
  readonly badge: number | undefined
  /** Entries that left the outbox. */
  readonly flushed: number
  /** The outbox still holds something of this user. */
  readonly waiting: boolean | undefined
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
      /** When the key was made that its `f` is sealed with. */
      readonly sealedSince: number
      /**
       * Unread mails that came while no subscription lived (none where events go on from the old watermark); undefined: not
       * looked for, or no answer in time.
       */
      readonly missed: ReadonlyArray<Mail> | undefined
      readonly passed: Passed
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
  /** `proven`: the device whose credentials and compliance Exchange has just accepted. */
  | { readonly _tag: "Answer"; readonly reply: DeviceReply; readonly proven: DeviceNumber | undefined }
  | { readonly _tag: "Gone"; readonly reply: DeviceReply }
