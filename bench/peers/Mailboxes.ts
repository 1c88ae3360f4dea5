import { subscriptionIdOf } from "./Heartbeat.ts"
import type { CallbackKind } from "./LoadModel.ts"
import { inboxOf } from "./Population.ts"

const MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
const TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"

/** The id of mail number `serial` (from 1), in the mailbox of user `index`: both can be read off it. */
export const itemOf = (index: number, serial: number): string =>
  `AAMkADkzNjJjODUzLWZhMDMtNDVkMS05ZDdjLWVmMDlkYjQ1Zjc4MwBGAAAAAABSSWVKrmGUTJE+u${pad(index)}m${pad(serial)}AAA=`

/** The user and the mail that an item id stands for. */
export const readItem = (item: string): { readonly index: number; readonly serial: number } => ({
  index: Number(item.slice(-25, -15)),
  serial: Number(item.slice(-14, -4))
})

/**
 * The mailboxes of a population as far as Exchange reports them: unread counts, and for each subscription where its
 * watermark stands. Exchange has one callback of a subscription under way at a time; `take` and `release` keep to that.
 */
export class Mailboxes {
  readonly #targets: ReadonlyArray<string>
  readonly #unread: Int32Array
  readonly #positions: Uint32Array
  readonly #taken: Uint8Array

  constructor(targets: ReadonlyArray<string>) {
    this.#targets = targets
    this.#unread = Int32Array.from(targets, (_, index) => index % 50)
    this.#positions = new Uint32Array(targets.length)
    this.#taken = new Uint8Array(targets.length)
  }

  get size(): number {
    return this.#targets.length
  }

  /** Unread mails in an Inbox; 0 for a user who came later. */
  unreadOf(index: number): number {
    return this.#unread[index] ?? 0
  }

  /** False if a callback of this user is under way. */
  take(index: number): boolean {
    if (this.#taken[index] === 1) return false
    this.#taken[index] = 1
    return true
  }

  release(index: number): void {
    this.#taken[index] = 0
  }

  /** A whole HTTP request; `serial` is the mail's. A third of what is modified is a mail being read. */
  request(kind: CallbackKind, index: number, serial: number): string {
    const before = this.#positions[index]!
    const events = this.#events(kind, index, serial)
    const body = `<?xml version="1.0" encoding="utf-8"?><soap11:Envelope xmlns:soap11="http://schemas.xmlsoap.org/soap/envelope/"><soap11:Header><t:RequestServerVersion xmlns:m="${MESSAGES}" Version="Exchange2013" xmlns:t="${TYPES}" /></soap11:Header><soap11:Body><m:SendNotification xmlns:t="${TYPES}" xmlns:m="${MESSAGES}"><m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification><t:SubscriptionId>${subscriptionIdOf(index)}</t:SubscriptionId><t:PreviousWatermark>${watermarkOf(index, before)}</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>${events}</m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>`
    return `POST ${this.#targets[index]} HTTP/1.1\r\nContent-Type: text/xml; charset=utf-8\r\nAccept: text/xml\r\nSOAPAction: ${MESSAGES}/SendNotification\r\nHost: ens.example.com\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  }

  #events(kind: CallbackKind, index: number, serial: number): string {
    const next = () => `<t:Watermark>${watermarkOf(index, ++this.#positions[index]!)}</t:Watermark>`
    if (kind === "heartbeat") return `<t:StatusEvent>${next()}</t:StatusEvent>`
    const inbox = inboxOf(index)
    const time = `<t:TimeStamp>${new Date().toISOString().slice(0, 19)}Z</t:TimeStamp>`
    const parent = `<t:ParentFolderId Id="${inbox}" ChangeKey="AQAAAA==" />`
    const item = `<t:ItemId Id="${itemOf(index, serial)}" ChangeKey="CQAAAA==" />${parent}`
    const folder = () =>
      `<t:ModifiedEvent>${next()}${time}<t:FolderId Id="${inbox}" ChangeKey="AQAAAA==" /><t:ParentFolderId Id="AQMkADkzRoot" ChangeKey="AQAAAA==" /><t:UnreadCount>${this.#unread[index]}</t:UnreadCount></t:ModifiedEvent>`
    if (kind === "mail") {
      this.#unread[index]! += 1
      return `<t:CreatedEvent>${next()}${time}${item}</t:CreatedEvent><t:NewMailEvent>${next()}${time}${item}</t:NewMailEvent>${folder()}`
    }
    if (serial % 3 === 0 && this.#unread[index]! > 0) this.#unread[index]! -= 1
    return `<t:ModifiedEvent>${next()}${time}${item}</t:ModifiedEvent>${folder()}`
  }
}

/** Where a subscription stands in the population's storage, and from there on. */
const watermarkOf = (index: number, position: number): string =>
  position === 0 ? `AQAAABn${index + 1}` : `AQAAABn${index + 1}A${position}`

const pad = (value: number): string => String(value).padStart(10, "0")
