import { Either } from "effect"
import { type EwsError, EwsUnusable } from "../../schemas/EwsError.ts"
import type { ItemId, SubscriptionId, Watermark } from "../../schemas/Ids.ts"
import type { Inbox, Subscribed } from "./Ews.ts"
import type { CallSite } from "./EwsErrors.ts"
import { ITEM_CODES, NO_SUCH_PROPERTY } from "./ItemErrors.ts"
import { type FoundMails, idOf, readMails } from "./MailReader.ts"
import { type HttpAnswer, responseMessages } from "./SoapAnswer.ts"
import { child, MESSAGES, type SoapElement, TYPES, textOf } from "./SoapReader.ts"
import { boolean, count } from "./XsdValues.ts"

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
 * The mails in an answer to GetItem, in its order. Items that cannot be had and never will be (`ITEM_CODES`) are left out;
 * any other error of one item is the error of the whole call, because leaving such a mail out would say that it is gone.
 */
export const mailsResponse = (
  site: CallSite,
  answer: HttpAnswer,
  now: number
): Either.Either<FoundMails, EwsError> =>
  Either.flatMap(responseMessages(site, answer, now), (messages) => {
    let noMail: EwsError | undefined
    const items: Array<SoapElement> = []
    for (const { element, error } of messages) {
      if (error === undefined) items.push(...itemsIn(element))
      else if (error.responseCode === NO_SUCH_PROPERTY) noMail ??= error
      else if (!ITEM_CODES.has(error.responseCode)) return Either.left(error)
    }
    return items.length === 0 && noMail !== undefined ? Either.left(noMail) : Either.right(readMails(items))
  })

/** The texts of those items in an answer to GetItem that have one; the others are left out, whatever is wrong with them. */
export const textBodiesResponse = (
  site: CallSite,
  answer: HttpAnswer,
  now: number
): Either.Either<ReadonlyMap<ItemId, string>, EwsError> =>
  Either.map(responseMessages(site, answer, now), (messages) => {
    const texts = new Map<ItemId, string>()
    for (const item of messages.flatMap(({ element }) => itemsIn(element))) {
      const itemId = idOf(item, "ItemId")
      const body = child(item, TYPES, "Body")
      if (itemId === undefined || body === undefined) continue
      if (body.attributes.get("BodyType") === "Text") texts.set(itemId, body.text)
    }
    return texts
  })

/** Mails in an answer to FindItem. `more`: there are others behind them. `clock`: see `Missed`. */
export interface FoundPage extends FoundMails {
  readonly more: boolean
  readonly clock: number | undefined
}

export const missedResponse = (
  site: CallSite,
  answer: HttpAnswer,
  now: number
): Either.Either<FoundPage, EwsError> =>
  Either.flatMap(onlyMessage(site, answer, now), ({ element }) => {
    const page = child(element, MESSAGES, "RootFolder")
    if (page === undefined) return unusable(site, answer, "no page of items")
    const found = readMails(child(page, TYPES, "Items")?.children ?? [])
    const last = boolean(page.attributes.get("IncludesLastItemInRange"))
    const total = count(page.attributes.get("TotalItemsInView")) ?? 0
    const more = last === undefined ? total > found.mails.length : !last
    return Either.right({ ...found, more, clock: clockOf(answer) })
  })

/** The header `Date` (RFC 9110, 6.6.1). */
const clockOf = ({ headers: { date } }: HttpAnswer): number | undefined => {
  const time = typeof date === "string" ? Date.parse(date) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}

const onlyMessage = (site: CallSite, answer: HttpAnswer, now: number) =>
  Either.flatMap(responseMessages(site, answer, now), ([message]) =>
    message!.error === undefined ? Either.right(message!) : Either.left(message!.error)
  )

const unusable = (site: CallSite, answer: HttpAnswer, reason: string) =>
  Either.left(new EwsUnusable({ ...site, status: answer.status, reason }))

const itemsIn = (message: SoapElement): ReadonlyArray<SoapElement> =>
  child(message, MESSAGES, "Items")?.children ?? []
