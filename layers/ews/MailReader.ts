import type { Mail } from "../../schemas/EwsMessage.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import { child, type SoapElement, TYPES, textOf } from "./SoapReader.ts"
import { boolean, count, dateTime } from "./XsdValues.ts"

/** Mails of an answer, in its order. */
export interface FoundMails {
  readonly mails: ReadonlyArray<Mail>
  /** Bytes, of those whose size was asked for: of these a text body has to stand in for the preview. */
  readonly sizes: ReadonlyMap<ItemId, number>
}

/** The mails among these items. Meeting requests and other kinds of message are elements of other names, and mails all the same. */
export const readMails = (items: ReadonlyArray<SoapElement>): FoundMails => {
  const mails: Array<Mail> = []
  const sizes = new Map<ItemId, number>()
  for (const item of items) {
    const itemId = idOf(item, "ItemId")
    if (itemId === undefined) continue
    mails.push(mailOf(itemId, item))
    const size = count(textOf(item, TYPES, "Size"))
    if (size !== undefined) sizes.set(itemId, size)
  }
  return { mails, sizes }
}

/** The id in the child of that name. */
export const idOf = (element: SoapElement | undefined, local: string): ItemId | undefined =>
  (child(element, TYPES, local)?.attributes.get("Id") || undefined) as ItemId | undefined

const mailOf = (itemId: ItemId, item: SoapElement): Mail => ({
  itemId,
  parentFolderId: idOf(item, "ParentFolderId"),
  receivedAt: dateTime(textOf(item, TYPES, "DateTimeReceived")),
  isRead: boolean(textOf(item, TYPES, "IsRead")) ?? false,
  sender: nameOf(child(item, TYPES, "From")) ?? nameOf(child(item, TYPES, "Sender")),
  subject: textOf(item, TYPES, "Subject"),
  preview: textOf(item, TYPES, "Preview")
})

/** An address without "@" is Exchange's internal form (`/o=…/cn=…`), which says nothing to a human. */
const nameOf = (person: SoapElement | undefined): string | undefined => {
  const mailbox = child(person, TYPES, "Mailbox")
  const address = textOf(mailbox, TYPES, "EmailAddress")
  return textOf(mailbox, TYPES, "Name") ?? (address?.includes("@") ? address : undefined)
}
