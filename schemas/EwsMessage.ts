import { Schema } from "effect"
import { ItemId, type SubscriptionId, Watermark } from "./Ids.ts"

/** Values of `t:RequestServerVersion/@Version` in the order of the EWS Managed API's enumeration. */
export const EXCHANGE_VERSIONS = [
  "Exchange2007_SP1",
  "Exchange2010",
  "Exchange2010_SP1",
  "Exchange2010_SP2",
  "Exchange2013",
  "Exchange2013_SP1",
  "Exchange2015",
  "Exchange2016"
] as const
export const ExchangeVersion = Schema.Literal(...EXCHANGE_VERSIONS)
export type ExchangeVersion = typeof ExchangeVersion.Type

/** What happened in a mailbox, as far as EWS reports it. */
export const EwsEventKind = Schema.Literal(
  "NewMail",
  "Created",
  "Modified",
  "Moved",
  "Deleted",
  "Copied",
  "FreeBusyChanged",
  "Status"
)
export type EwsEventKind = typeof EwsEventKind.Type

/** One event of a callback. Events about a folder carry `folderId` instead of `itemId`; a status event has neither. */
export const EwsEvent = Schema.Struct({
  kind: EwsEventKind,
  watermark: Schema.UndefinedOr(Watermark),
  /** Milliseconds since 1970, undefined when absent or unreadable. */
  timestamp: Schema.UndefinedOr(Schema.Number),
  itemId: Schema.UndefinedOr(ItemId),
  folderId: Schema.UndefinedOr(ItemId),
  parentFolderId: Schema.UndefinedOr(ItemId),
  /** Only in a folder's ModifiedEvent, and often absent there. */
  unreadCount: Schema.UndefinedOr(Schema.Number)
})
export type EwsEvent = typeof EwsEvent.Type

/** A callback that reports events; `events` is never empty. */
export interface EventsNotification {
  readonly _tag: "Events"
  readonly subscriptionId: SubscriptionId
  readonly previousWatermark: Watermark | undefined
  readonly events: ReadonlyArray<EwsEvent>
}

/** A callback with ResponseClass=Error: the subscription is gone (FACTS section 2). */
export interface ErrorNotification {
  readonly _tag: "Error"
  readonly subscriptionId: SubscriptionId | undefined
  readonly responseCode: string
}

export type EwsNotification = EventsNotification | ErrorNotification

/** What Exchange wants as `SubscriptionStatus`. */
export type SubscriptionStatus = "OK" | "Unsubscribe"

/** A mail's details, as much as was asked for. */
export interface Mail {
  readonly itemId: ItemId
  readonly parentFolderId: ItemId | undefined
  /** Milliseconds since 1970. */
  readonly receivedAt: number | undefined
  readonly isRead: boolean
  /** Display name, else SMTP address. */
  readonly sender: string | undefined
  readonly subject: string | undefined
  readonly preview: string | undefined
}

/** Details that a fetch asks for: only what the least restrictive device may show. */
export interface MailShape {
  readonly sender: boolean
  readonly subject: boolean
  readonly preview: boolean
}
