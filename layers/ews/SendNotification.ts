import { Either, Schema } from "effect"
import { BODY_LIMIT } from "../../schemas/BodyLimit.ts"
import type { EwsEvent, EwsEventKind, EwsNotification } from "../../schemas/EwsMessage.ts"
import type { ItemId, SubscriptionId, Watermark } from "../../schemas/Ids.ts"
import { child, MESSAGES, readSoap, type SoapElement, TYPES, textOf } from "./SoapReader.ts"
import { count, dateTime } from "./XsdValues.ts"

/** The body of a callback is not a SendNotification that can be used: HTTP 400, never 503 (contract section 3). */
export class NotAnEwsCallback extends Schema.TaggedError<NotAnEwsCallback>()("NotAnEwsCallback", {
  reason: Schema.String
}) {
  override get message() {
    return `the callback cannot be read: ${this.reason}`
  }
}

/**
 * Reads the body of Exchange's callback (FACTS section 2). The header is ignored. Several response messages are taken
 * together: their events in order, those of the first subscription only, because a callback URL belongs to one; an error
 * among them counts only where there are no events, so that no mail is lost over it.
 */
export const decodeSendNotification = (
  body: Uint8Array | string
): Either.Either<EwsNotification, NotAnEwsCallback> => {
  const read = readSoap(body, BODY_LIMIT)
  if (Either.isLeft(read)) return unusable(read.left)
  const call = read.right
  if (call.uri !== MESSAGES || call.local !== "SendNotification") return unusable("not a SendNotification")
  const messages = child(call, MESSAGES, "ResponseMessages")?.children ?? []

  let error: EwsNotification | undefined
  let first: { readonly subscriptionId: string; readonly previousWatermark: string | undefined } | undefined
  const events: Array<EwsEvent> = []
  for (const message of messages) {
    if (message.uri !== MESSAGES || message.local !== "SendNotificationResponseMessage") continue
    const notification = child(message, MESSAGES, "Notification")
    if (notification === undefined || message.attributes.get("ResponseClass") === "Error") {
      error ??= errorOf(message)
      continue
    }
    const subscriptionId = textOf(notification, TYPES, "SubscriptionId")
    if (subscriptionId === undefined) continue
    first ??= { subscriptionId, previousWatermark: textOf(notification, TYPES, "PreviousWatermark") }
    if (first.subscriptionId === subscriptionId) events.push(...eventsOf(notification))
  }

  if (events.length > EVENTS_MAX) return unusable("too many events")
  if (events.some(hasLongId)) return unusable("an id is too long")
  if (first !== undefined && events.length > 0) {
    return Either.right({
      _tag: "Events",
      subscriptionId: first.subscriptionId as SubscriptionId,
      previousWatermark: first.previousWatermark as Watermark | undefined,
      events
    })
  }
  return error === undefined ? unusable("no events of a subscription") : Either.right(error)
}

/** As Exchange writes them, 256 KiB hold some 600. */
const EVENTS_MAX = 1_000
/** Characters; Exchange's ids have 100 to 250. Longer ones fit into no notification. */
const ID_MAX = 1_024

const hasLongId = ({ folderId, itemId, parentFolderId }: EwsEvent): boolean =>
  (itemId?.length ?? 0) > ID_MAX || (folderId?.length ?? 0) > ID_MAX || (parentFolderId?.length ?? 0) > ID_MAX

const unusable = (reason: string) => Either.left(new NotAnEwsCallback({ reason }))

/** Error callbacks have no Notification; their subscription stands in the MessageXml, if anywhere. */
const errorOf = (message: SoapElement): EwsNotification | undefined => {
  const responseCode = textOf(message, MESSAGES, "ResponseCode")
  if (responseCode === undefined || responseCode === "NoError") return undefined
  const values = (child(message, MESSAGES, "MessageXml") ?? child(message, TYPES, "MessageXml"))?.children
  const id = values?.find(
    (value) =>
      value.uri === TYPES && value.local === "Value" && value.attributes.get("Name") === "SubscriptionId"
  )
  return {
    _tag: "Error",
    subscriptionId: (id?.text.trim() || undefined) as SubscriptionId | undefined,
    responseCode
  }
}

const KINDS: ReadonlyMap<string, EwsEventKind> = new Map([
  ["NewMailEvent", "NewMail"],
  ["CreatedEvent", "Created"],
  ["ModifiedEvent", "Modified"],
  ["MovedEvent", "Moved"],
  ["DeletedEvent", "Deleted"],
  ["CopiedEvent", "Copied"],
  ["FreeBusyChangedEvent", "FreeBusyChanged"],
  ["StatusEvent", "Status"]
])

const eventsOf = (notification: SoapElement): ReadonlyArray<EwsEvent> => {
  const events: Array<EwsEvent> = []
  for (const element of notification.children) {
    if (element.uri !== TYPES || !element.local.endsWith("Event")) continue
    events.push({
      // An event that is not known yet says at least that the subscription lives.
      kind: KINDS.get(element.local) ?? "Status",
      watermark: textOf(element, TYPES, "Watermark") as Watermark | undefined,
      timestamp: dateTime(textOf(element, TYPES, "TimeStamp")),
      itemId: idOf(element, "ItemId"),
      folderId: idOf(element, "FolderId"),
      parentFolderId: idOf(element, "ParentFolderId"),
      unreadCount: count(textOf(element, TYPES, "UnreadCount"))
    })
  }
  return events
}

const idOf = (event: SoapElement, local: string): ItemId | undefined =>
  (child(event, TYPES, local)?.attributes.get("Id") || undefined) as ItemId | undefined
