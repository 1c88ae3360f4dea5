import { askedFields, type Call, lookUpFolder, versionAtLeast } from "./ExchangeCall.ts"
import { dateTime } from "./ExchangeCallback.ts"
import type { Mailbox, StoredMail } from "./ExchangeMailbox.ts"
import { error, type Outcome, type Reply, response, schemaFault, success } from "./ExchangeSoap.ts"
import { child, descend, type Element, escapeXml } from "./ExchangeXml.ts"

/** GetItem: one response message per id, in order. */
export const getItem = (call: Call): Reply => {
  const fields = askedFields(child(call.request, "ItemShape"), BASE_SHAPES)
  const ids = child(call.request, "ItemIds")?.children ?? []
  if (ids.length === 0) return schemaFault("ItemIds must not be empty")
  // Preview came with Exchange 2013: an older schema does not have it.
  if (fields.has("item:Preview") && !versionAtLeast(call, "Exchange2013"))
    return response(
      "GetItem",
      ids.map(() => error("ErrorInvalidPropertyRequest"))
    )
  return response(
    "GetItem",
    ids.map((id) => itemOutcome(call, id.attributes["Id"] ?? "", fields))
  )
}

/** FindItem: newest first, with IndexedPageItemView; the only restriction known is IsEqualTo on message:IsRead. */
export const findItem = (call: Call): Reply => {
  const fields = askedFields(child(call.request, "ItemShape"), BASE_SHAPES)
  const page = child(call.request, "IndexedPageItemView")
  const restriction = child(call.request, "Restriction")
  const wanted = wantedIsRead(restriction)
  const parents = child(call.request, "ParentFolderIds")?.children ?? []
  return response(
    "FindItem",
    parents.map((id): Outcome => {
      const found = lookUpFolder(call, id)
      if ("code" in found) return error(found.code)
      if (restriction !== undefined && wanted === undefined) return error("ErrorUnsupportedPathForQuery")
      const mails = found.mailbox
        .mailsIn(found.folder.name)
        .filter((mail) => wanted === undefined || mail.isRead === wanted)
      return success(pageXml(found.mailbox, mails, fields, page))
    })
  )
}

const itemOutcome = (call: Call, id: string, fields: ReadonlySet<string>): Outcome => {
  const mailbox = call.directory.ownerOf(id)
  if (mailbox === undefined) return error("ErrorInvalidIdMalformed")
  if (!call.directory.mayRead(call.user, mailbox)) return error("ErrorAccessDenied")
  const mail = mailbox.mail(id)
  if (mail === undefined) return error("ErrorItemNotFound")
  return success(`<m:Items>${mailXml(mailbox, mail, fields)}</m:Items>`)
}

const pageXml = (
  mailbox: Mailbox,
  mails: ReadonlyArray<StoredMail>,
  fields: ReadonlySet<string>,
  page: Element | undefined
): string => {
  const offset = Number(page?.attributes["Offset"] ?? 0)
  const end = offset + Number(page?.attributes["MaxEntriesReturned"] ?? 1000)
  const items = mails.slice(offset, end).map((mail) => mailXml(mailbox, mail, fields))
  const last = end >= mails.length
  return (
    `<m:RootFolder IndexedPagingOffset="${Math.min(end, mails.length)}" TotalItemsInView="${mails.length}" ` +
    `IncludesLastItemInRange="${last}"><t:Items>${items.join("")}</t:Items></m:RootFolder>`
  )
}

const wantedIsRead = (restriction: Element | undefined): boolean | undefined => {
  const equal = child(restriction, "IsEqualTo")
  if (child(equal, "FieldURI")?.attributes["FieldURI"] !== "message:IsRead") return undefined
  return descend(equal, "FieldURIOrConstant", "Constant")?.attributes["Value"] === "true"
}

const mailXml = (mailbox: Mailbox, mail: StoredMail, fields: ReadonlySet<string>): string =>
  `<t:Message>${FIELDS.filter(([name]) => fields.has(name))
    .map(([, write]) => write(mail, mailbox))
    .join("")}</t:Message>`

const person = (name: string, address: string): string =>
  `<t:Mailbox>${name === "" ? "" : `<t:Name>${escapeXml(name)}</t:Name>`}<t:EmailAddress>${escapeXml(address)}</t:EmailAddress>` +
  "<t:RoutingType>SMTP</t:RoutingType></t:Mailbox>"

/** Exchange shows the first 255 characters of the text, white space folded. */
const preview = (mail: StoredMail): string => mail.body.replace(/\s+/g, " ").trim().slice(0, 255)

/** In the schema's order. */
const FIELDS: ReadonlyArray<readonly [string, (mail: StoredMail, mailbox: Mailbox) => string]> = [
  ["item:ItemId", (mail) => `<t:ItemId Id="${mail.id}" ChangeKey="CQAAABYAAAA${mail.isRead ? "B" : "A"}"/>`],
  [
    "item:ParentFolderId",
    (mail, mailbox) => `<t:ParentFolderId Id="${mailbox.folder(mail.folder).id}" ChangeKey="AQAAAA=="/>`
  ],
  ["item:ItemClass", () => "<t:ItemClass>IPM.Note</t:ItemClass>"],
  ["item:Subject", (mail) => `<t:Subject>${escapeXml(mail.subject)}</t:Subject>`],
  ["item:Sensitivity", () => "<t:Sensitivity>Normal</t:Sensitivity>"],
  ["item:Body", (mail) => `<t:Body BodyType="Text">${escapeXml(mail.body)}</t:Body>`],
  [
    "item:DateTimeReceived",
    (mail) => `<t:DateTimeReceived>${dateTime(mail.receivedAt)}</t:DateTimeReceived>`
  ],
  ["item:Size", (mail) => `<t:Size>${Buffer.byteLength(mail.body)}</t:Size>`],
  ["item:Importance", () => "<t:Importance>Normal</t:Importance>"],
  ["item:IsDraft", (mail) => `<t:IsDraft>${mail.folder === "drafts"}</t:IsDraft>`],
  ["item:DateTimeSent", (mail) => `<t:DateTimeSent>${dateTime(mail.receivedAt)}</t:DateTimeSent>`],
  ["item:DateTimeCreated", (mail) => `<t:DateTimeCreated>${dateTime(mail.receivedAt)}</t:DateTimeCreated>`],
  ["item:HasAttachments", () => "<t:HasAttachments>false</t:HasAttachments>"],
  ["item:Preview", (mail) => `<t:Preview>${escapeXml(preview(mail))}</t:Preview>`],
  ["message:Sender", (mail) => `<t:Sender>${person(mail.from.name, mail.from.address)}</t:Sender>`],
  [
    "message:ToRecipients",
    (_, mailbox) => `<t:ToRecipients>${person(mailbox.displayName, mailbox.address)}</t:ToRecipients>`
  ],
  ["message:From", (mail) => `<t:From>${person(mail.from.name, mail.from.address)}</t:From>`],
  [
    "message:InternetMessageId",
    (mail) => `<t:InternetMessageId>${escapeXml(mail.internetMessageId)}</t:InternetMessageId>`
  ],
  ["message:IsRead", (mail) => `<t:IsRead>${mail.isRead}</t:IsRead>`]
]

const BASE_SHAPES = {
  IdOnly: ["item:ItemId"],
  Default: [
    "item:ItemId",
    "item:Subject",
    "item:Sensitivity",
    "item:Body",
    "item:Size",
    "item:DateTimeSent",
    "item:DateTimeCreated",
    "item:HasAttachments",
    "message:ToRecipients",
    "message:From",
    "message:IsRead"
  ],
  AllProperties: FIELDS.map(([name]) => name).filter((name) => name !== "item:Preview")
}
