import type { Mail } from "../schemas/EwsMessage.ts"
import type { ItemId } from "../schemas/Ids.ts"
import type { FetchResult } from "./JobResults.ts"
import { createdEntry, isSettled, itemEntry } from "./Ledger.ts"
import type { Arrival } from "./MailEvents.ts"
import type { Round } from "./Round.ts"
import type { Announcement } from "./SubscriptionProtocol.ts"
import { digest, type State } from "./SubscriptionState.ts"

/** An item created longer ago was moved or copied in, it is no new mail. */
export const FRESH = 15 * 60_000

/** Arrivals that have no final verdict for all devices yet. */
export const openOf = (state: State, round: Round): ReadonlyArray<Arrival> =>
  round.arrivals.filter(
    ({ createdOnly, itemId }) =>
      !isSettled(state.ledger, itemId) &&
      // Exchange may report a delivery by two callbacks, and only the second says that it is one.
      !(createdOnly && state.ledger.includes(createdEntry(itemId)))
  )

/** Those of them that Exchange must be asked about. */
export const unknownOf = (state: State, round: Round): ReadonlyArray<ItemId> => {
  const told = new Set<ItemId>(round.details.map(({ itemId }) => itemId))
  return openOf(state, round).flatMap(({ itemId }) => (told.has(itemId) ? [] : [itemId]))
}

/** All details that were told of a round's mails, or in the same breath, but for those outside of the Inbox. */
export const detailsOf = (round: Round, result: FetchResult): ReadonlyArray<Mail> => {
  const outside = new Set(result.elsewhere)
  return [...round.details, ...(result.mails ?? [])].filter(({ itemId }) => !outside.has(itemId))
}

/**
 * Which arrivals are new mails to announce (contract section 3, "What is a new mail"), and ledger entries of those that
 * are not. One that Exchange was asked about and did not tell of is gone.
 */
export const sift = (state: State, round: Round, result: FetchResult, now: number) => {
  const told = new Map<ItemId, Mail>()
  for (const mail of [...round.details, ...(result.mails ?? [])]) told.set(mail.itemId, mail)
  const outside = new Set(result.elsewhere)
  const arrivals: Array<Announcement> = []
  const done: Array<number> = []
  for (const arrival of openOf(state, round)) {
    const { itemId } = arrival
    const mail = told.get(itemId)
    const isThere = mail === undefined ? result.mails === undefined : !mail.isRead && !outside.has(itemId)
    if (!isThere) done.push(itemEntry(itemId))
    else if (isFresh(arrival, mail?.receivedAt ?? arrival.at, now)) {
      arrivals.push({ itemId, mail, doubted: mail === undefined ? doubtedOf(state, arrival) : undefined })
    } else done.push(createdEntry(itemId))
  }
  return { arrivals, done }
}

/**
 * Whoever has got hold of a callback URL can name any item. One that Exchange could not be asked about is a mail only where
 * the event names the Inbox's id as well, which the URL does not tell.
 */
const doubtedOf = ({ home }: State, { folder }: Arrival): ItemId | undefined =>
  home !== 0 && digest(folder) === home ? undefined : (folder ?? ("" as ItemId))

/** The Inbox's id as events spell it, by a mail that Exchange has just said to lie there; undefined: there is none. */
export const confirmedHome = (round: Round, { elsewhere, mails = [] }: FetchResult): number | undefined => {
  const inside = new Set<ItemId>()
  for (const { itemId, parentFolderId } of mails) {
    if (parentFolderId !== undefined && !elsewhere.includes(itemId)) inside.add(itemId)
  }
  const arrival = round.arrivals.find(({ folder, itemId }) => folder !== undefined && inside.has(itemId))
  return arrival && digest(arrival.folder)
}

const isFresh = (arrival: Arrival, at: number | undefined, now: number): boolean =>
  !arrival.createdOnly || at === undefined || now - at < FRESH
