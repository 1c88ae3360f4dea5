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

export interface Inbox {
  readonly folderId: ItemId
  readonly unreadCount: number
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
    ) => Effect.Effect<
      { readonly subscriptionId: SubscriptionId; readonly watermark: Watermark | undefined },
      EwsError
    >
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
