import type { MailboxEvent } from "./ExchangeHistory.ts"
import type { Mailbox } from "./ExchangeMailbox.ts"
import { errorDetails } from "./ExchangeSoap.ts"
import { child, descend, escapeXml, MESSAGES, parseXml, SOAP, TYPES } from "./ExchangeXml.ts"

/** One callback: the document, and what of it has to be remembered. A retry sends the same. */
export interface Notification {
  readonly xml: string
  /** Names as in the document, in order; empty for an error callback. */
  readonly events: ReadonlyArray<string>
  readonly itemIds: ReadonlyArray<string>
  /** The last event's watermark: the next callback's PreviousWatermark. */
  readonly watermark: string
}

/** What all callbacks of a subscription have in common. */
export interface CallbackContext {
  readonly subscriptionId: string
  readonly mailbox: Mailbox
  /** Version that the subscriber asked for; comes back in the header. */
  readonly requestedVersion: string
  readonly previousWatermark: string
  /** Whether a folder's ModifiedEvent says how many unread mails it has; real servers often do not. */
  readonly withUnreadCount: boolean
}

/** A callback that reports mailbox events; never call it with none. */
export const eventsCallback = (
  context: CallbackContext,
  events: ReadonlyArray<MailboxEvent>,
  moreEvents: boolean
): Notification => ({
  xml: successful(context, moreEvents, events.map((event) => eventXml(context, event)).join("")),
  events: events.map((event) => `${event.kind}Event`),
  itemIds: [...new Set(events.flatMap((event) => ("itemId" in event.object ? [event.object.itemId] : [])))],
  watermark: context.mailbox.watermark(events.at(-1)!.sequence)
})

/** A heartbeat. Its watermark moves although nothing happened, as in real captures. */
export const statusCallback = (context: CallbackContext): Notification => {
  const watermark = context.mailbox.watermark(context.mailbox.nextSequence())
  const event = `<t:StatusEvent><t:Watermark>${watermark}</t:Watermark></t:StatusEvent>`
  return { xml: successful(context, false, event), events: ["StatusEvent"], itemIds: [], watermark }
}

/** The subscription is broken: ResponseClass=Error and, against the schema, no Notification (a capture has it so). */
export const errorCallback = (context: CallbackContext, responseCode: string): Notification => ({
  xml: envelope(
    context.requestedVersion,
    `<m:SendNotificationResponseMessage ResponseClass="Error">${errorDetails(responseCode, {
      SubscriptionId: context.subscriptionId
    })}</m:SendNotificationResponseMessage>`
  ),
  events: [],
  itemIds: [],
  watermark: context.previousWatermark
})

/** The listener's SubscriptionStatus; undefined for anything that is not its SOAP answer. */
export const subscriptionStatus = (body: string): "OK" | "Unsubscribe" | undefined => {
  const envelopeElement = parseXml(body)
  if (envelopeElement?.name !== "Envelope" || envelopeElement.namespace !== SOAP) return undefined
  const result = child(descend(envelopeElement, "Body"), "SendNotificationResult", MESSAGES)
  const status = child(result, "SubscriptionStatus", MESSAGES)?.text.trim()
  return status === "OK" || status === "Unsubscribe" ? status : undefined
}

/** xs:dateTime in UTC without fractions, as Exchange writes it. */
export const dateTime = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z")

const successful = (context: CallbackContext, moreEvents: boolean, eventsXml: string): string =>
  envelope(
    context.requestedVersion,
    '<m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>' +
      `<t:SubscriptionId>${escapeXml(context.subscriptionId)}</t:SubscriptionId>` +
      `<t:PreviousWatermark>${context.previousWatermark}</t:PreviousWatermark><t:MoreEvents>${moreEvents}</t:MoreEvents>` +
      `${eventsXml}</m:Notification></m:SendNotificationResponseMessage>`
  )

/** Prefix and order as captured from Exchange 2010 to Online. "Request"ServerVersion is what Exchange really sends. */
const envelope = (version: string, message: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><soap11:Envelope xmlns:soap11="${SOAP}"><soap11:Header>` +
  `<t:RequestServerVersion xmlns:m="${MESSAGES}" Version="${escapeXml(version)}" xmlns:t="${TYPES}" /></soap11:Header>` +
  `<soap11:Body><m:SendNotification xmlns:t="${TYPES}" xmlns:m="${MESSAGES}"><m:ResponseMessages>` +
  `${message}</m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>`

const eventXml = (context: CallbackContext, event: MailboxEvent): string => {
  const object =
    "itemId" in event.object
      ? itemId("ItemId", event.object.itemId)
      : folderId("FolderId", event.object.folderId)
  const old =
    event.old === undefined
      ? ""
      : itemId("OldItemId", event.old.itemId) + folderId("OldParentFolderId", event.old.parentFolderId)
  const unread =
    context.withUnreadCount && event.unreadCount !== undefined
      ? `<t:UnreadCount>${event.unreadCount}</t:UnreadCount>`
      : ""
  return (
    `<t:${event.kind}Event><t:Watermark>${context.mailbox.watermark(event.sequence)}</t:Watermark>` +
    `<t:TimeStamp>${dateTime(event.at)}</t:TimeStamp>${object}${folderId("ParentFolderId", event.parentFolderId)}` +
    `${old}${unread}</t:${event.kind}Event>`
  )
}

// Change keys in events are stubs at a real server too: useless for a later request.
const itemId = (name: string, id: string): string => `<t:${name} Id="${id}" ChangeKey="CQAAAA==" />`
const folderId = (name: string, id: string): string => `<t:${name} Id="${id}" ChangeKey="AQAAAA==" />`
