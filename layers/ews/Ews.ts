import { Context, type Effect } from "effect"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { ExchangeVersion, Mail, MailShape } from "../../schemas/EwsMessage.ts"
import type { ItemId, SubscriptionId, Watermark } from "../../schemas/Ids.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"
import type { Caller } from "./HttpSessions.ts"

/** Whose mailbox, where, and with what. */
export interface EwsAccount extends Caller {
  readonly endpoint: AllowedEndpoint
  /** Asked for first; a server that finds it too new is asked for older ones. */
  readonly exchangeVersion: ExchangeVersion
}

/** What Subscribe is asked for. */
export interface PushSubscription {
  readonly callbackUrl: string
  readonly statusFrequencyMinutes: number
  /** Events since this one come first; `EwsRefused` with `ErrorInvalidWatermark` if Exchange does not know it any more. */
  readonly watermark: Watermark | undefined
}

/** What Subscribe answers; a watermark is optional in the schema. */
export interface Subscribed {
  readonly subscriptionId: SubscriptionId
  readonly watermark: Watermark | undefined
  /**
   * The highest version that may be asked of the server which answered: what it says, but nothing newer than it accepted if
   * it refused what was asked first. Undefined if neither is known.
   */
  readonly serverVersion: ExchangeVersion | undefined
}

export interface Inbox {
  readonly folderId: ItemId
  readonly unreadCount: number
  /** As in `Subscribed`. */
  readonly serverVersion: ExchangeVersion | undefined
}

/** Unread mails of the Inbox, newest first. */
export interface Missed {
  readonly mails: ReadonlyArray<Mail>
  /** There are more than were asked for. */
  readonly more: boolean
  /** The server's own time when it answered, in milliseconds since 1970 (cut to the second); undefined: it does not say. */
  readonly clock: number | undefined
}

/**
 * What Exchange is asked. Calls are made one after another and never repeated because of trouble (`EwsBusy`,
 * `EwsUnreachable`, `EwsTimeout`); who calls decides, see `persistently`. `timeout`: milliseconds that the whole call may
 * take.
 */
export interface EwsCalls {
  /** Push subscription on the Inbox of `credentials.address`; Exchange refuses whoever is not its owner. */
  readonly subscribe: (subscription: PushSubscription, timeout: number) => Effect.Effect<Subscribed, EwsError>
  /** GetFolder of the caller's own Inbox. */
  readonly inbox: (timeout: number) => Effect.Effect<Inbox, EwsError>
  /**
   * GetItem, few items at a time. Mails that are gone, or that cannot be read and never will be, are left out of the answer;
   * any other failure fails the whole. Where the version has no previews the beginning of a small mail's text is one.
   */
  readonly mails: (
    items: ReadonlyArray<ItemId>,
    shape: MailShape,
    timeout: number
  ) => Effect.Effect<ReadonlyArray<Mail>, EwsError>
  /** FindItem: unread mails of the caller's own Inbox received at or after `since` (milliseconds since 1970). */
  readonly missed: (
    since: number,
    limit: number,
    shape: MailShape,
    timeout: number
  ) => Effect.Effect<Missed, EwsError>
}

/**
 * Calls for one account over one connection: it waits for a place at the host before the first call (limits per host) and
 * keeps it until it is closed. Cookies, the log-in, a redirect and the version that the server speaks are remembered for
 * that long, credentials on the connection no longer.
 */
export interface EwsSession extends EwsCalls {
  /** Gives place and connection back; no call may follow. */
  readonly close: () => void
}

/** Exchange Web Services, as much as ENS needs. */
export class Ews extends Context.Tag("ens/Ews")<
  Ews,
  {
    /** Nothing is sent, and nothing taken, before the first call. Whoever opens it must close it: see `withSession`. */
    readonly open: (account: EwsAccount) => EwsSession
  }
>() {}
