const M = "http://schemas.microsoft.com/exchange/services/2006/messages"
const T = "http://schemas.microsoft.com/exchange/services/2006/types"

const envelope = (message: string) =>
  `<?xml version="1.0" encoding="utf-8"?><soap11:Envelope xmlns:soap11="http://schemas.xmlsoap.org/soap/envelope/"><soap11:Header><t:RequestServerVersion xmlns:t="${T}" Version="Exchange2013" /></soap11:Header><soap11:Body><m:SendNotification xmlns:t="${T}" xmlns:m="${M}"><m:ResponseMessages>${message}</m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>`

export const heartbeat = (watermark = "AQAAAABoF0AAAAAAAAE=") =>
  envelope(
    `<m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification><t:SubscriptionId>c3Vi</t:SubscriptionId><t:PreviousWatermark>AQAAAABnF0AAAAAAAAE=</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents><t:StatusEvent><t:Watermark>${watermark}</t:Watermark></t:StatusEvent></m:Notification></m:SendNotificationResponseMessage>`
  )

export const readEventsFailed = envelope(
  `<m:SendNotificationResponseMessage ResponseClass="Error"><m:MessageText>Lesen fehlgeschlagen.</m:MessageText><m:ResponseCode>ErrorReadEventsFailed</m:ResponseCode><m:MessageXml><t:Value Name="SubscriptionId">c3Vi</t:Value></m:MessageXml></m:SendNotificationResponseMessage>`
)

/** Would be 3 GB if anybody expanded it. */
export const entityBomb = `<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a0 "lol">${Array.from(
  { length: 9 },
  (_, n) => `<!ENTITY a${n + 1} "${`&a${n};`.repeat(10)}">`
).join("")}]><b>&a9;</b>`
