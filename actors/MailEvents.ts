import type { EwsEvent } from "../schemas/EwsMessage.ts"
import type { ItemId, Watermark } from "../schemas/Ids.ts"
import { hash53 } from "./Ledger.ts"

/** A mail that may have to be announced. */
export interface Arrival {
  readonly itemId: ItemId
  /** Created without NewMail: announced only if it was received a short time ago. */
  readonly createdOnly: boolean
  /** No event reported it: it was looked for. */
  readonly missed: boolean
  /** Of the event; milliseconds since 1970, undefined when Exchange named none. */
  readonly at: number | undefined
  /** The folder that the event names, or that was searched; undefined: none. */
  readonly folder: ItemId | undefined
}

/** What a callback's events mean for a user. */
export interface Digest {
  readonly arrivals: ReadonlyArray<Arrival>
  /** The Inbox's unread count as Exchange reports it, if it does. */
  readonly unread: number | undefined
  /** Hash of the Inbox's folder id, learned from arriving mails; 0 = still unknown. */
  readonly inbox: number
  readonly watermark: Watermark | undefined
  /** Tells one set of events from another, so that a repeat is recognised while the first is still in work. */
  readonly key: number
}

/** Only status events: nothing has happened, Exchange just says that it is there. */
export const isHeartbeat = (events: ReadonlyArray<EwsEvent>): boolean => {
  for (const { kind } of events) if (kind !== "Status") return false
  return true
}

/**
 * Reads the events of one callback (contract section 3, "What is a new mail"). An arriving mail is a CreatedEvent and a
 * NewMailEvent with the same item id and a ModifiedEvent of the folder; only the folder's event carries an unread count,
 * and a subfolder's event looks just like the Inbox's, so the count is taken only from the folder that mails
 * arrive in, or, while none has arrived, change in.
 */
export const digestEvents = (events: ReadonlyArray<EwsEvent>, knownInbox: number): Digest => {
  const arrivals = new Map<ItemId, Arrival>()
  let inbox = knownInbox
  let watermark: Watermark | undefined
  let key = events.length
  for (const event of events) {
    if (event.watermark !== undefined) watermark = event.watermark
    if (event.kind === "Status") continue
    key =
      (Math.imul(key, 31) +
        hash53(`${event.kind}${event.itemId ?? event.folderId ?? ""}${event.watermark ?? ""}`)) %
      9007199254740881
    if (event.itemId === undefined) continue
    if (event.kind === "NewMail" || event.kind === "Created") {
      const createdOnly = event.kind === "Created" && arrivals.get(event.itemId)?.createdOnly !== false
      const { itemId, parentFolderId: folder, timestamp: at } = event
      arrivals.set(itemId, { itemId, createdOnly, missed: false, at, folder })
      if (event.parentFolderId !== undefined) inbox = hash53(event.parentFolderId)
    } else if (event.kind === "Modified" && inbox === 0 && event.parentFolderId !== undefined) {
      // What happens to a mail is reported of the subscribed folder only. After a start this spares most users a question.
      inbox = hash53(event.parentFolderId)
    } else if (event.kind === "Deleted" || event.kind === "Moved") {
      arrivals.delete(event.itemId)
    }
  }
  return {
    arrivals: [...arrivals.values()],
    unread: unreadOf(events, inbox),
    inbox,
    watermark,
    key
  }
}

const unreadOf = (events: ReadonlyArray<EwsEvent>, inbox: number): number | undefined => {
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i]
    if (
      event?.unreadCount === undefined ||
      !Number.isFinite(event.unreadCount) ||
      event.folderId === undefined
    )
      continue
    if (inbox !== 0 && hash53(event.folderId) === inbox) return Math.max(0, Math.trunc(event.unreadCount))
  }
  return undefined
}
