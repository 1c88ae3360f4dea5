import { Either } from "effect"
import { type EwsError, EwsUnusable } from "../../schemas/EwsError.ts"
import type { Mail } from "../../schemas/EwsMessage.ts"
import type { ItemId, SubscriptionId, Watermark } from "../../schemas/Ids.ts"
import type { Inbox, Subscribed } from "./Ews.ts"
import type { CallSite } from "./EwsErrors.ts"
import { type HttpAnswer, responseMessages } from "./SoapAnswer.ts"
import { child, MESSAGES, type SoapElement, TYPES, textOf } from "./SoapReader.ts"
import { boolean, count, dateTime } from "./XsdValues.ts"

export const subscribeResponse = (
  site: CallSite,
  answer: HttpAnswer,
  now: number
): Either.Either<Subscribed, EwsError> =>
  Either.flatMap(onlyMessage(site, answer, now), ({ element: message, serverVersion }) => {
    const subscriptionId = textOf(message, MESSAGES, "SubscriptionId") as SubscriptionId | undefined
    const watermark = textOf(message, MESSAGES, "Watermark") as Watermark | undefined
    return subscriptionId === undefined
      ? unusable(site, answer, "no subscription id")
      : Either.right({ subscriptionId, watermark, serverVersion })
  })

export const inboxResponse = (
  site: CallSite,
  answer: HttpAnswer,
  now: number
): Either.Either<Inbox, EwsError> =>
  Either.flatMap(onlyMessage(site, answer, now), ({ element: message, serverVersion }) => {
    const folder = child(message, MESSAGES, "Folders")?.children[0]
    const folderId = idOf(folder, "FolderId")
    const unreadCount = count(textOf(folder, TYPES, "UnreadCount"))
    return folderId === undefined || unreadCount === undefined
      ? unusable(site, answer, "no folder id or unread count")
      : Either.right({ folderId, unreadCount, serverVersion })
  })

/**
 * The mails in an answer to GetItem, in its order. Those that are gone (ErrorItemNotFound) are left out; any other error
 * of one item is the error of the whole call, because leaving such a mail out would say that it is gone.
 */
export const mailsResponse = (
  site: CallSite,
  answer: HttpAnswer,
  now: number
): Either.Either<ReadonlyArray<Mail>, EwsError> =>
  Either.flatMap(responseMessages(site, answer, now), (messages) => {
    const mails: Array<Mail> = []
    for (const { element, error } of messages) {
      if (error?.responseCode === "ErrorItemNotFound") continue
      if (error !== undefined) return Either.left(error)
      for (const item of child(element, MESSAGES, "Items")?.children ?? []) {
        const mail = mailOf(item)
        if (mail !== undefined) mails.push(mail)
      }
    }
    return Either.right(mails)
  })

const onlyMessage = (site: CallSite, answer: HttpAnswer, now: number) =>
  Either.flatMap(responseMessages(site, answer, now), ([message]) =>
    message!.error === undefined ? Either.right(message!) : Either.left(message!.error)
  )

const unusable = (site: CallSite, answer: HttpAnswer, reason: string) =>
  Either.left(new EwsUnusable({ ...site, status: answer.status, reason }))

/** Meeting requests and other kinds of message are elements of other names, and mails all the same. */
const mailOf = (item: SoapElement): Mail | undefined => {
  const itemId = idOf(item, "ItemId")
  if (itemId === undefined) return undefined
  return {
    itemId,
    parentFolderId: idOf(item, "ParentFolderId"),
    receivedAt: dateTime(textOf(item, TYPES, "DateTimeReceived")),
    isRead: boolean(textOf(item, TYPES, "IsRead")) ?? false,
    sender: nameOf(child(item, TYPES, "From")) ?? nameOf(child(item, TYPES, "Sender")),
    subject: textOf(item, TYPES, "Subject"),
    preview: textOf(item, TYPES, "Preview")
  }
}

/** An address without "@" is Exchange's internal form (`/o=…/cn=…`), which says nothing to a human. */
const nameOf = (person: SoapElement | undefined): string | undefined => {
  const mailbox = child(person, TYPES, "Mailbox")
  const address = textOf(mailbox, TYPES, "EmailAddress")
  return textOf(mailbox, TYPES, "Name") ?? (address?.includes("@") ? address : undefined)
}

const idOf = (element: SoapElement | undefined, local: string): ItemId | undefined =>
  (child(element, TYPES, local)?.attributes.get("Id") || undefined) as ItemId | undefined
