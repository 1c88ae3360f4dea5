import { EXCHANGE_VERSIONS, type ExchangeVersion, type MailShape } from "../../schemas/EwsMessage.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import { MESSAGES, SOAP_11, TYPES } from "./SoapReader.ts"
import { escaped } from "./XmlText.ts"

/** The operations of EWS that ENS uses. */
export type Operation = "Subscribe" | "GetFolder" | "GetItem"

/** A SOAP 1.1 request, valid against Microsoft's schemas whatever the values are. */
export interface EwsRequest {
  readonly operation: Operation
  readonly body: string
}

/** The value of the SOAPAction header. */
export const soapAction = (operation: Operation): string => `"${MESSAGES}/${operation}"`

/**
 * Push subscription on the Inbox of `address`. The address stands there on purpose: it makes Exchange refuse everybody
 * but the mailbox's owner (contract section 3). `minutes` is rounded and kept within what the schema allows, 1 to 1440.
 */
export const subscribeRequest = (
  version: ExchangeVersion,
  address: string,
  callbackUrl: string,
  minutes: number
): EwsRequest =>
  request("Subscribe", version, [
    "<m:PushSubscriptionRequest>",
    '<t:FolderIds><t:DistinguishedFolderId Id="inbox"><t:Mailbox>',
    `<t:EmailAddress>${escaped(address)}</t:EmailAddress>`,
    "</t:Mailbox></t:DistinguishedFolderId></t:FolderIds>",
    `<t:EventTypes>${EVENTS.map((event) => `<t:EventType>${event}</t:EventType>`).join("")}</t:EventTypes>`,
    `<t:StatusFrequency>${Math.min(1440, Math.max(1, Math.round(minutes)))}</t:StatusFrequency>`,
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
): EwsRequest =>
  request("GetItem", version, [
    "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>",
    ...fieldsOf(version, shape).map((field) => `<t:FieldURI FieldURI="${field}"/>`),
    "</t:AdditionalProperties></m:ItemShape><m:ItemIds>",
    ...items.map((item) => `<t:ItemId Id="${escaped(item)}"/>`),
    "</m:ItemIds>"
  ])

const EVENTS = ["CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent", "NewMailEvent"]

const fieldsOf = (version: ExchangeVersion, shape: MailShape): ReadonlyArray<string> => [
  "item:ParentFolderId",
  "item:DateTimeReceived",
  "message:IsRead",
  ...(shape.sender ? ["message:From", "message:Sender"] : []),
  ...(shape.subject ? ["item:Subject"] : []),
  ...(shape.preview ? previewFields(version) : [])
]

/** Older servers know no preview; a short text body will stand in for it there. */
const previewFields = (version: ExchangeVersion): ReadonlyArray<string> =>
  EXCHANGE_VERSIONS.indexOf(version) >= EXCHANGE_VERSIONS.indexOf("Exchange2013") ? ["item:Preview"] : []

const request = (
  operation: Operation,
  version: ExchangeVersion,
  content: ReadonlyArray<string>
): EwsRequest => ({
  operation,
  body: [
    '<?xml version="1.0" encoding="utf-8"?>',
    `<s:Envelope xmlns:s="${SOAP_11}" xmlns:m="${MESSAGES}" xmlns:t="${TYPES}">`,
    `<s:Header><t:RequestServerVersion Version="${version}"/></s:Header>`,
    `<s:Body><m:${operation}>${content.join("")}</m:${operation}></s:Body></s:Envelope>`
  ].join("")
})
