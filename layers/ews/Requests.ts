import type { ExchangeVersion, MailShape } from "../../schemas/EwsMessage.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import { atLeast } from "./AcceptedVersions.ts"
import type { PushSubscription } from "./Ews.ts"
import { MESSAGES, SOAP_11, TYPES } from "./SoapReader.ts"
import { escaped } from "./XmlText.ts"

/** The operations of EWS that ENS uses. */
export type Operation = "Subscribe" | "GetFolder" | "GetItem" | "FindItem"

/** A SOAP 1.1 request, valid against Microsoft's schemas whatever the values are. */
export interface EwsRequest {
  readonly operation: Operation
  readonly body: string
}

/** The value of the SOAPAction header. */
export const soapAction = (operation: Operation): string => `"${MESSAGES}/${operation}"`

/**
 * Push subscription on the Inbox of `address`. The address stands there on purpose: it makes Exchange refuse everybody
 * but the mailbox's owner (contract section 3). The minutes are rounded and kept within what the schema allows, 1 to
 * 1440. The watermark stands between EventTypes and StatusFrequency, as the schema wants it.
 */
export const subscribeRequest = (
  version: ExchangeVersion,
  address: string,
  { callbackUrl, statusFrequencyMinutes, watermark }: PushSubscription
): EwsRequest =>
  request("Subscribe", version, [
    "<m:PushSubscriptionRequest>",
    '<t:FolderIds><t:DistinguishedFolderId Id="inbox"><t:Mailbox>',
    `<t:EmailAddress>${escaped(address)}</t:EmailAddress>`,
    "</t:Mailbox></t:DistinguishedFolderId></t:FolderIds>",
    `<t:EventTypes>${EVENTS.map((event) => `<t:EventType>${event}</t:EventType>`).join("")}</t:EventTypes>`,
    watermark ? `<t:Watermark>${escaped(watermark)}</t:Watermark>` : "",
    `<t:StatusFrequency>${within(1, 1440, statusFrequencyMinutes)}</t:StatusFrequency>`,
    `<t:URL>${escaped(callbackUrl)}</t:URL>`,
    "</m:PushSubscriptionRequest>"
  ])

/** The Inbox of whoever logs in: no Mailbox, so that the answer tells whose credentials these are. */
export const inboxRequest = (version: ExchangeVersion): EwsRequest =>
  request("GetFolder", version, [
    "<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape>",
    '<t:AdditionalProperties><t:FieldURI FieldURI="folder:UnreadCount"/></t:AdditionalProperties></m:FolderShape>',
    '<m:FolderIds><t:DistinguishedFolderId Id="inbox"/></m:FolderIds>'
  ])

/** Details of at least one item, as much as `shape` wants and the version can give. */
export const mailsRequest = (
  version: ExchangeVersion,
  items: ReadonlyArray<ItemId>,
  shape: MailShape
): EwsRequest => request("GetItem", version, [mailShape(version, shape), itemIds(items)])

/** The bodies of at least one item as plain text, whatever they are written in. */
export const textBodiesRequest = (version: ExchangeVersion, items: ReadonlyArray<ItemId>): EwsRequest =>
  request("GetItem", version, [
    "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:BodyType>Text</t:BodyType>",
    '<t:AdditionalProperties><t:FieldURI FieldURI="item:Body"/></t:AdditionalProperties></m:ItemShape>',
    itemIds(items)
  ])

/**
 * Unread mails in the Inbox of whoever logs in, received at or after `since` (milliseconds since 1970), newest first. At
 * most `limit`, and never more than `FOUND_MAX`.
 */
export const missedRequest = (
  version: ExchangeVersion,
  since: number,
  limit: number,
  shape: MailShape
): EwsRequest =>
  request(
    "FindItem",
    version,
    [
      mailShape(version, shape),
      `<m:IndexedPageItemView MaxEntriesReturned="${within(1, FOUND_MAX, limit)}" Offset="0" BasePoint="Beginning"/>`,
      "<m:Restriction><t:And>",
      compared("IsEqualTo", "message:IsRead", "false"),
      compared("IsGreaterThanOrEqualTo", "item:DateTimeReceived", dateTime(since)),
      "</t:And></m:Restriction>",
      `<m:SortOrder><t:FieldOrder Order="Descending">${field("item:DateTimeReceived")}</t:FieldOrder></m:SortOrder>`,
      '<m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderIds>'
    ],
    ' Traversal="Shallow"'
  )

/** Exchange finds no more with a restriction in one call (FACTS section 5, EWSFindCountLimit). */
export const FOUND_MAX = 250

const EVENTS = ["CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent", "NewMailEvent"]

const mailShape = (version: ExchangeVersion, shape: MailShape): string => {
  const { preview, sender, subject } = shape
  // Of all that is asked for the same few, a mail each time.
  const key =
    (sender ? 1 : 0) + (subject ? 2 : 0) + (preview ? (atLeast(version, "Exchange2013") ? 4 : 8) : 0)
  MAIL_SHAPES[key] ??= [
    "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>",
    ...fieldsOf(version, shape).map(field),
    "</t:AdditionalProperties></m:ItemShape>"
  ].join("")
  return MAIL_SHAPES[key]
}

const MAIL_SHAPES: Array<string> = []

const fieldsOf = (version: ExchangeVersion, shape: MailShape): ReadonlyArray<string> => [
  "item:ParentFolderId",
  "item:DateTimeReceived",
  "message:IsRead",
  ...(shape.sender ? ["message:From", "message:Sender"] : []),
  ...(shape.subject ? ["item:Subject"] : []),
  // The size tells whether a text body may stand in for the preview that older versions do not know.
  ...(shape.preview ? [atLeast(version, "Exchange2013") ? "item:Preview" : "item:Size"] : [])
]

const field = (uri: string): string => `<t:FieldURI FieldURI="${uri}"/>`

const compared = (how: string, uri: string, constant: string): string =>
  `<t:${how}>${field(uri)}<t:FieldURIOrConstant><t:Constant Value="${constant}"/></t:FieldURIOrConstant></t:${how}>`

const itemIds = (items: ReadonlyArray<ItemId>): string =>
  `<m:ItemIds>${items.map((item) => `<t:ItemId Id="${escaped(item)}"/>`).join("")}</m:ItemIds>`

const within = (least: number, most: number, value: number): number =>
  Math.min(most, Math.max(least, Math.round(value) || least))

/** Within the years that `xs:dateTime` writes with four digits. */
const dateTime = (milliseconds: number): string =>
  new Date(within(0, Date.UTC(9999, 11, 31), milliseconds)).toISOString()

const request = (
  operation: Operation,
  version: ExchangeVersion,
  content: ReadonlyArray<string>,
  attributes = ""
): EwsRequest => ({
  operation,
  body: `${BEGINNING}${version}"/></s:Header><s:Body><m:${operation}${attributes}>${content.join("")}</m:${operation}></s:Body></s:Envelope>`
})

const BEGINNING = [
  '<?xml version="1.0" encoding="utf-8"?>',
  `<s:Envelope xmlns:s="${SOAP_11}" xmlns:m="${MESSAGES}" xmlns:t="${TYPES}">`,
  '<s:Header><t:RequestServerVersion Version="'
].join("")
