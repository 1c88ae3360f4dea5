import { deepStrictEqual } from "node:assert"
import { Either, FastCheck as fc } from "effect"
import { makeCallbackReader } from "../../../layers/ews/CallbackReader.ts"
import { decodeSendNotification, NotAnEwsCallback } from "../../../layers/ews/SendNotification.ts"
import type { EwsNotification } from "../../../schemas/EwsMessage.ts"
import { heartbeat, styles, values } from "../../support/CallbackText.ts"
import { realMessages, XML_WORDS } from "../Samples.ts"
import { check, checkWords, own, type Target } from "../Target.ts"

/** Lives as long as the listener does, and learns. */
const read = makeCallbackReader()

/** Bodies of callbacks: what the short cut for heartbeats answers is what the real reader answers. */
export const target: Target = {
  name: "callback",
  form: "xml",
  words: [...XML_WORDS, "Probe-", "StatusEvent", "t:Watermark", "NewMailEvent", "SubscriptionId"],
  seeds: () => [
    ...own(
      ...fc
        .sample(fc.tuple(styles, values), { numRuns: 20, seed: 8 })
        .map(([style, value]) => heartbeat(style, value)),
      mail,
      broken
    ),
    ...realMessages(/^(sendnotification|workmail-sendnotification)/)
  ],
  run: (input) => {
    const full = decodeSendNotification(input)
    deepStrictEqual(read(input), full)
    if (Either.isLeft(full)) {
      check(full.left instanceof NotAnEwsCallback, "the failure is NotAnEwsCallback")
      checkWords(full.left.message, "the reason", 100)
    } else checkNotification(full.right, input.length)
  }
}

const checkNotification = (notification: EwsNotification, length: number) => {
  const texts: Array<unknown> = [notification.subscriptionId]
  if (notification._tag === "Events") {
    check(notification.events.length > 0, "there are events")
    check(notification.events.length <= 20_000, "events are bounded")
    check((notification.subscriptionId?.length ?? 0) > 0, "events have a subscription")
    for (const event of notification.events) {
      texts.push(event.watermark, event.itemId, event.folderId, event.parentFolderId)
      const { timestamp, unreadCount } = event
      check(timestamp === undefined || Number.isFinite(timestamp), "a time is one")
      check(
        unreadCount === undefined || (Number.isInteger(unreadCount) && unreadCount >= 0),
        "a count is one"
      )
    }
  } else texts.push(notification.responseCode)
  for (const text of texts) {
    check(
      text === undefined || (typeof text === "string" && text !== ""),
      "an id is a text that is not empty"
    )
    check(text === undefined || String(text).length <= length, "an id is no longer than the body")
  }
}

const M = "http://schemas.microsoft.com/exchange/services/2006/messages"
const T = "http://schemas.microsoft.com/exchange/services/2006/types"
const body = (messages: string) =>
  `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
  `<m:SendNotification xmlns:m="${M}" xmlns:t="${T}"><m:ResponseMessages>${messages}</m:ResponseMessages></m:SendNotification></s:Body></s:Envelope>`
const event = (kind: string, more = "") =>
  `<t:${kind}Event><t:Watermark>AQ==</t:Watermark><t:TimeStamp>2026-01-02T03:04:05Z</t:TimeStamp><t:ItemId Id="AAMk" ChangeKey="C"/><t:ParentFolderId Id="F"/>${more}</t:${kind}Event>`
const mail = body(
  '<m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>' +
    "<t:SubscriptionId>S</t:SubscriptionId><t:PreviousWatermark>AA==</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>" +
    `${event("Created")}${event("NewMail")}${event("Modified", "<t:UnreadCount>3</t:UnreadCount>")}` +
    "</m:Notification></m:SendNotificationResponseMessage>"
)
const broken = body(
  '<m:SendNotificationResponseMessage ResponseClass="Error"><m:MessageText>no</m:MessageText><m:ResponseCode>ErrorMissedNotificationEvents</m:ResponseCode>' +
    '<m:MessageXml><t:Value Name="SubscriptionId">S</t:Value></m:MessageXml></m:SendNotificationResponseMessage>'
)
