import { Schema } from "effect"
import type { ControlledOptions } from "./ControlListener.ts"
import { SCHEMES, type Scheme } from "./ExchangeFrontDoor.ts"
import type { MailboxOptions } from "./ExchangeMailbox.ts"
import { ChannelBinding } from "./ExchangeNtlm.ts"
import type { PushOptions } from "./ExchangePush.ts"
import type { RetryReading } from "./ExchangeRetry.ts"
import { ServerName } from "./ExchangeVersions.ts"

/** How the Exchange stand-in behaves; everything has a default that is a plain, patient Exchange 2016. */
export interface ExchangeOptions extends ControlledOptions {
  readonly mailboxes?: ReadonlyArray<MailboxOptions>
  /** Which Exchange it is (default 2016). */
  readonly serverVersion?: ServerName
  /**
   * Ways to log in (default Basic and Bearer; with a client CA the certificate alone). A client CA besides others means
   * that the certificate is demanded in addition.
   */
  readonly offers?: ReadonlyArray<Scheme>
  /** Whether NTLM log-ins must be bound to the TLS channel (default `allow`: a wrong binding is refused). */
  readonly channelBinding?: ChannelBinding
  /** Wrong passwords in a row that lock an account (default: never). */
  readonly lockAfter?: number
  /** A second listener on this port, to which mailboxes can move; 0 takes a free port. */
  readonly otherPort?: number
  /** Milliseconds of one of its minutes (StatusFrequency, retries): 60,000; 100 makes 15 minutes 1.5 s. */
  readonly minute?: number
  /**
   * Minutes that stand for the StatusFrequency of every subscription, whatever was asked for: a service on a shortened clock
   * asks for 1, the least there is, which would leave a single retry.
   */
  readonly statusFrequency?: number
  /** Which reading of the retry rule it follows (default `strict`, which drops a subscription soonest). */
  readonly retry?: RetryReading
  /** Milliseconds until an unanswered callback has failed (default 100 s). Not scaled by `minute`. */
  readonly callbackTimeout?: number
  /** Sockets to one listener host (default 20). */
  readonly connectionsPerHost?: number
  readonly keepAlive?: boolean
  /** PEM of the CA that signed the listener's certificate. */
  readonly callbackCa?: string
  /** When the first status event is sent: before Subscribe is answered, after it (default), or not at all. */
  readonly firstCallback?: "before" | "after" | "none"
  /** Whether a folder's ModifiedEvent carries UnreadCount (default true). */
  readonly unreadCount?: boolean
  /** More events than this go into further callbacks, announced by MoreEvents (default 50). */
  readonly eventsPerCallback?: number
  /** Push subscriptions a mailbox may have (default 5,000, as Exchange 2013; Online 20). */
  readonly maxSubscriptions?: number
}

/** What may be changed while the stand-in runs; absent = stays. */
export const ExchangeSettings = Schema.Struct({
  offers: Schema.optional(Schema.Array(Schema.Literal(...SCHEMES))),
  channelBinding: Schema.optional(ChannelBinding),
  /** 0 = accounts are never locked. */
  lockAfter: Schema.optional(Schema.Int.pipe(Schema.nonNegative())),
  serverVersion: Schema.optional(ServerName)
})
export type ExchangeSettings = typeof ExchangeSettings.Type

export const schemesOf = (options: ExchangeOptions): ReadonlyArray<Scheme> =>
  options.offers ?? (options.tls?.clientCa === undefined ? ["basic", "bearer"] : ["certificate"])

export const pushOptionsOf = (options: ExchangeOptions): PushOptions => ({
  minute: options.minute ?? 60_000,
  retry: options.retry ?? "strict",
  timeout: options.callbackTimeout ?? 100_000,
  connectionsPerHost: options.connectionsPerHost ?? 20,
  keepAlive: options.keepAlive ?? true,
  ca: options.callbackCa,
  withUnreadCount: options.unreadCount ?? true,
  eventsPerCallback: options.eventsPerCallback ?? 50
})
