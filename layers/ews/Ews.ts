import { Context, type Effect } from "effect"
import type { AuthType, RedactedCredentials } from "../../schemas/Credentials.ts"
import type { EwsError } from "../../schemas/EwsError.ts"
import type { ExchangeVersion, Mail, MailShape } from "../../schemas/EwsMessage.ts"
import type { ActivityId, ItemId, SubscriptionId, Watermark } from "../../schemas/Ids.ts"
import type { AllowedEndpoint } from "./EndpointPolicy.ts"

/** Whose mailbox, where, and with what. */
export interface EwsAccount {
  readonly endpoint: AllowedEndpoint
  readonly exchangeVersion: ExchangeVersion
  readonly authType: AuthType
  readonly credentials: RedactedCredentials
  /** Sent as `client-request-id`. */
  readonly activityId: ActivityId
  /** Milliseconds that the whole call may take. */
  readonly timeout: number
}

/** What Subscribe answers; a watermark is optional in the schema. */
export interface Subscribed {
  readonly subscriptionId: SubscriptionId
  readonly watermark: Watermark | undefined
  /** The highest version that may be asked of the server which answered; undefined if it did not say. */
  readonly serverVersion: ExchangeVersion | undefined
}

export interface Inbox {
  readonly folderId: ItemId
  readonly unreadCount: number
  /** As in `Subscribed`. */
  readonly serverVersion: ExchangeVersion | undefined
}

/**
 * Exchange Web Services, as much as ENS needs. Calls wait for a place at their host (limits per host) and never retry by
 * themselves; who calls decides.
 */
export class Ews extends Context.Tag("ens/Ews")<
  Ews,
  {
    /** Push subscription on the Inbox of `credentials.address`; Exchange refuses whoever is not its owner. */
    readonly subscribe: (
      account: EwsAccount,
      callbackUrl: string,
      statusFrequencyMinutes: number
    ) => Effect.Effect<Subscribed, EwsError>
    /** GetFolder of the caller's own Inbox. */
    readonly inbox: (account: EwsAccount) => Effect.Effect<Inbox, EwsError>
    /** One GetItem for all; mails that are gone are left out of the answer. */
    readonly mails: (
      account: EwsAccount,
      items: ReadonlyArray<ItemId>,
      shape: MailShape
    ) => Effect.Effect<ReadonlyArray<Mail>, EwsError>
  }
>() {}
