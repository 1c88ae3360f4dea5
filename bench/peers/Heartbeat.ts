import type { SubscriptionId } from "../../schemas/Ids.ts"

const MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
const TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"

/** The id of one of many subscriptions: like Exchange's, it has a server's name in it. */
export const subscriptionIdOf = (subscription: number): SubscriptionId =>
  Buffer.from(`n1pr03mb202.namprd03.prod.outlook.com subscription ${subscription}`).toString(
    "base64"
  ) as SubscriptionId

/** Where the counting part of a watermark stands; it is the same in all. */
const POSITION = "AAAAAAAAAAAA"
const watermark = `AQAAAABn${POSITION}`

/**
 * A heartbeat request of one subscription, in the form that Exchange 2013 and later write it. Made once; each sending has
 * new watermarks, of which the previous one is right.
 */
export class HeartbeatRequest {
  readonly #bytes: Buffer
  readonly #previousAt: number
  readonly #watermarkAt: number
  #position = 0

  constructor(target: string, subscription: number) {
    const body = `<?xml version="1.0" encoding="utf-8"?><soap11:Envelope xmlns:soap11="http://schemas.xmlsoap.org/soap/envelope/"><soap11:Header><t:RequestServerVersion xmlns:m="${MESSAGES}" Version="Exchange2013" xmlns:t="${TYPES}" /></soap11:Header><soap11:Body><m:SendNotification xmlns:t="${TYPES}" xmlns:m="${MESSAGES}"><m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification><t:SubscriptionId>${subscriptionIdOf(subscription)}</t:SubscriptionId><t:PreviousWatermark>${watermark}</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents><t:StatusEvent><t:Watermark>${watermark}</t:Watermark></t:StatusEvent></m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>`
    this.#bytes = Buffer.from(
      `POST ${target} HTTP/1.1\r\nContent-Type: text/xml; charset=utf-8\r\nAccept: text/xml\r\nSOAPAction: ${MESSAGES}/SendNotification\r\nHost: ens.example.com\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    )
    this.#previousAt = this.#bytes.indexOf(POSITION)
    this.#watermarkAt = this.#bytes.lastIndexOf(POSITION)
  }

  /** The bytes of the next sending; they are overwritten by the one after. */
  next(): Buffer {
    this.#write(this.#position++, this.#previousAt)
    this.#write(this.#position, this.#watermarkAt)
    return this.#bytes
  }

  #write(position: number, at: number) {
    this.#bytes.write(String(position).padStart(POSITION.length, "A"), at, "latin1")
  }
}
