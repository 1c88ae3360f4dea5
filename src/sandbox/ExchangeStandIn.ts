import { type Effect, Schema } from "effect"
import type { AutodiscoverFault } from "./AutodiscoverFaults.ts"
import type { Fault } from "./ExchangeFaults.ts"
import type { FolderName } from "./ExchangeFolderTree.ts"
import type { ReceivedRequest } from "./ExchangeHttp.ts"
import type { IncomingMail, MailboxOptions } from "./ExchangeMailbox.ts"
import type { Move } from "./ExchangeMoves.ts"
import type { ExchangeSettings } from "./ExchangeOptions.ts"
import type { SubscriptionView } from "./ExchangePush.ts"
import type { Delivery } from "./ExchangeSubscription.ts"
import type { CannotListen } from "./Listener.ts"
import type { Outage } from "./Outage.ts"

/** There is no mailbox with this address at the stand-in. */
export class NoSuchMailbox extends Schema.TaggedError<NoSuchMailbox>()("NoSuchMailbox", {
  address: Schema.String
}) {
  override get message() {
    return `the Exchange stand-in has no mailbox ${this.address}; add it first`
  }
}

/** A running Exchange stand-in. What changes something is an Effect; what only looks is a plain call. */
export interface ExchangeStandIn {
  /** The EWS URL. */
  readonly url: string
  /** The EWS URL of the other listener; undefined if there is none. */
  readonly otherUrl: string | undefined
  /** The POX Autodiscover URL; those of SOAP and JSON differ in the ending. */
  readonly autodiscoverUrl: string
  /** Where `/sandbox/...` is. */
  readonly controlUrl: string
  readonly addMailbox: (options: MailboxOptions) => Effect.Effect<void>
  readonly setPassword: (address: string, password: string) => Effect.Effect<void, NoSuchMailbox>
  /** Bearer tokens that are good from now on; all others are answered with `invalid_token`. */
  readonly setTokens: (address: string, tokens: ReadonlyArray<string>) => Effect.Effect<void, NoSuchMailbox>
  /** Ends the lock that wrong passwords have brought. */
  readonly unlock: (address: string) => Effect.Effect<void, NoSuchMailbox>
  /** Lets `delegate` read the mailbox of `owner`; subscribing stays the owner's. */
  readonly allowDelegate: (owner: string, delegate: string) => Effect.Effect<void, NoSuchMailbox>
  /** Puts a mail into the mailbox; answers its item id. */
  readonly deliver: (mail: IncomingMail & { readonly to: string }) => Effect.Effect<string, NoSuchMailbox>
  /** False if there is no such mail. */
  readonly markRead: (
    address: string,
    itemId: string,
    isRead?: boolean
  ) => Effect.Effect<boolean, NoSuchMailbox>
  /** The mail's new id; undefined if there is no such mail. */
  readonly move: (
    address: string,
    itemId: string,
    to: FolderName
  ) => Effect.Effect<string | undefined, NoSuchMailbox>
  readonly delete: (address: string, itemId: string) => Effect.Effect<boolean, NoSuchMailbox>
  readonly unread: (address: string) => number
  /** Changes how users log in and which Exchange it is, from the next request on. */
  readonly configure: (settings: ExchangeSettings) => Effect.Effect<void>
  /** Moves the mailbox to the other listener, or back; without one, to another database behind the same URL. */
  readonly moveMailbox: (address: string, move: Move) => Effect.Effect<void, NoSuchMailbox>
  /** A fault that waits to happen; the oldest that fits is taken. */
  readonly addFault: (fault: Fault) => Effect.Effect<void>
  /** Something else than its settings that Autodiscover answers. */
  readonly addAutodiscoverFault: (fault: AutodiscoverFault) => Effect.Effect<void>
  /** Forgets all faults, those of Autodiscover too. */
  readonly clearFaults: Effect.Effect<void>
  /** Stops the heartbeats of one mailbox or `all`; mail events still go out. */
  readonly stopHeartbeat: (address: string | "all") => Effect.Effect<void, NoSuchMailbox>
  readonly resumeHeartbeat: (address: string | "all") => Effect.Effect<void, NoSuchMailbox>
  /** Ends subscriptions with an error callback (default ErrorReadEventsFailed). */
  readonly breakSubscriptions: (
    address: string | "all",
    responseCode?: string
  ) => Effect.Effect<void, NoSuchMailbox>
  /** The next callback does not follow on the last: its PreviousWatermark is one that nobody has seen. */
  readonly skipWatermark: (address: string | "all") => Effect.Effect<void, NoSuchMailbox>
  /** Every watermark given so far is ErrorInvalidWatermark from now on. */
  readonly forgetEvents: (address: string) => Effect.Effect<void, NoSuchMailbox>
  /** Forgets all subscriptions without a word, as a restart of the mailbox server does. */
  readonly restart: Effect.Effect<void>
  /** Refuses connections until `up`; callbacks go on. */
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void, CannotListen>
  /** Goes down for some seconds, once or several times; answers at once. */
  readonly interrupt: (outage: Outage) => Effect.Effect<void>
  /** The latest ones; ended first, then those that live. */
  readonly subscriptions: () => ReadonlyArray<SubscriptionView>
  /** The latest attempts to deliver callbacks, oldest first. */
  readonly deliveries: () => ReadonlyArray<Delivery>
  /** The latest EWS requests, oldest first. */
  readonly requests: () => ReadonlyArray<ReceivedRequest>
  /** Called with every attempt to deliver a callback; answers how to stop. */
  readonly onDelivery: (listener: (delivery: Delivery) => void) => () => void
  /** Called with every subscription that ends. */
  readonly onSubscriptionEnded: (listener: (subscription: SubscriptionView) => void) => () => void
  /** Called with every EWS request once it has its answer. */
  readonly onRequest: (listener: (request: ReceivedRequest) => void) => () => void
  /** Requests by outcome of their log-in; `anonymous` got a challenge. */
  readonly logins: () => { readonly ok: number; readonly failed: number; readonly anonymous: number }
  /** Failed log-ins that named this address. */
  readonly failedLogins: (address: string) => number
  /** Failed log-ins by address, where there are any, and who is locked out. */
  readonly rejections: () => {
    readonly failed: Readonly<Record<string, number>>
    readonly locked: ReadonlyArray<string>
  }
  /** How often each EWS operation was asked for. */
  readonly operations: () => Readonly<Record<string, number>>
  /** Waits until `condition` holds; it is asked again after every request, delivery and change of a subscription. */
  readonly until: (condition: () => boolean) => Effect.Effect<void>
}
