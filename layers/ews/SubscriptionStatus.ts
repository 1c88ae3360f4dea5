import type { SubscriptionStatus } from "../../schemas/EwsMessage.ts"

/** The content type of the answer to a callback. */
export const ANSWER_CONTENT_TYPE = "text/xml; charset=utf-8"

/** The answer to a callback: `OK` keeps the subscription, `Unsubscribe` ends it for good (FACTS section 2). */
export const answerOf = (status: SubscriptionStatus): Buffer => (status === "OK" ? OK : UNSUBSCRIBE)

const envelope = (status: SubscriptionStatus): Buffer =>
  Buffer.from(
    '<?xml version="1.0" encoding="utf-8"?>' +
      '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>' +
      '<m:SendNotificationResult xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">' +
      `<m:SubscriptionStatus>${status}</m:SubscriptionStatus>` +
      "</m:SendNotificationResult></s:Body></s:Envelope>",
    "utf8"
  )

const OK = envelope("OK")
const UNSUBSCRIBE = envelope("Unsubscribe")
