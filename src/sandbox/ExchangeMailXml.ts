import { Either } from "effect"
import { askedFields, type Call } from "./ExchangeCall.ts"
import { dateTime } from "./ExchangeCallback.ts"
import type { Mailbox, StoredMail } from "./ExchangeMailbox.ts"
import { error, type Reply, response, schemaFault } from "./ExchangeSoap.ts"
import { isAtLeast } from "./ExchangeVersions.ts"
import { child, escapeXml } from "./ExchangeXml.ts"

/**
 * The properties that GetItem or FindItem asks for, or why they cannot be had: Preview came with Exchange 2013, so the
 * schema of an older server does not have it, and a newer one refuses it to requests of an older version.
 */
export const itemFields = (call: Call): Either.Either<ReadonlySet<string>, Reply> => {
  const fields = askedFields(child(call.request, "ItemShape"), BASE_SHAPES)
  if (!fields.has(PREVIEW) || isAtLeast(call.version, "Exchange2013")) return Either.right(fields)
  return Either.left(
    isAtLeast(call.release.newest, "Exchange2013")
      ? refused(call)
      : schemaFault(
          `The 'FieldURI' attribute is invalid - The value '${PREVIEW}' is invalid according to its datatype 'UnindexedFieldURIType' - The Enumeration constraint failed.`
        )
  )
}

/** Each id, or each folder, of the request is answered with ErrorInvalidPropertyRequest. */
export const refused = (call: Call): Reply => {
  const ids = child(call.request, "ItemIds") ?? child(call.request, "ParentFolderIds")
  return response(
    call.request.name,
    (ids?.children ?? []).map(() => error("ErrorInvalidPropertyRequest"))
  )
}

/** One mail with the properties that were asked for. */
export const mailXml = (mailbox: Mailbox, mail: StoredMail, fields: ReadonlySet<string>): string =>
  `<t:Message>${FIELDS.filter(([name]) => fields.has(name))
    .map(([, write]) => write(mail, mailbox))
    .join("")}</t:Message>`

const person = (name: string, address: string): string =>
  `<t:Mailbox>${name === "" ? "" : `<t:Name>${escapeXml(name)}</t:Name>`}<t:EmailAddress>${escapeXml(address)}</t:EmailAddress>` +
  "<t:RoutingType>SMTP</t:RoutingType></t:Mailbox>"

/** Exchange shows the first 255 characters of the text, white space folded. */
const preview = (mail: StoredMail): string => mail.body.replace(/\s+/g, " ").trim().slice(0, 255)

const PREVIEW = "item:Preview"

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
  [PREVIEW, (mail) => `<t:Preview>${escapeXml(preview(mail))}</t:Preview>`],
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
  AllProperties: FIELDS.map(([name]) => name).filter((name) => name !== PREVIEW)
}
