import { createServer } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { MESSAGES, TYPES } from "../../layers/ews/SoapReader.ts"
import { subscriptionIdOf } from "./Heartbeat.ts"
import { SENDER, startExchange } from "./MailExchange.ts"
import { itemOf, type LogInKind, type MailOrder, type MailResult, type MailWorld } from "./MailWorld.ts"
import { inboxOf } from "./Population.ts"

/**
 * All that is around the server under test, in one process: Exchange, which calls back and is asked, and a push gateway
 * that takes everything. The arguments are how users log in, and how many there are.
 */
const logIn = process.argv[2] as LogInKind
const users = Number(process.argv[3])
let notifications = 0

const gateway = createServer((request, response) => {
  let body = ""
  request.setEncoding("utf8")
  request.on("data", (chunk: string) => {
    body += chunk
  })
  request.on("end", () => {
    notifications += body.split(`"title":"${SENDER}"`).length - 1
    response.writeHead(200, { "content-type": "application/json", "content-length": TAKEN.length })
    response.end(TAKEN)
  })
})
const TAKEN = '{"status":"success","errorReason":null}'

/** One user's callbacks, each with a mail that nobody has heard of; watermarks go on where they were. */
class Mails {
  readonly #target: string
  readonly #index: number
  #sequence = 0

  constructor(target: string, index: number) {
    this.#target = target
    this.#index = index
  }

  next(): string {
    const previous = this.#watermark()
    this.#sequence += 1
    const item = itemOf(this.#index, this.#sequence)
    const at = `<t:TimeStamp>${new Date().toISOString().slice(0, 19)}Z</t:TimeStamp>`
    const mark = `<t:Watermark>${this.#watermark()}</t:Watermark>${at}`
    const inbox = `Id="${inboxOf(this.#index)}" ChangeKey="AQAAAA==" />`
    const mail = `${mark}<t:ItemId Id="${item}" ChangeKey="CQAAAA==" /><t:ParentFolderId ${inbox}`
    const unread = `<t:UnreadCount>${(this.#index + this.#sequence) % 1_000}</t:UnreadCount>`
    const body = [
      `<?xml version="1.0" encoding="utf-8"?><soap11:Envelope xmlns:soap11="http://schemas.xmlsoap.org/soap/envelope/"><soap11:Header><t:RequestServerVersion xmlns:m="${MESSAGES}" Version="Exchange2013" xmlns:t="${TYPES}" /></soap11:Header><soap11:Body><m:SendNotification xmlns:t="${TYPES}" xmlns:m="${MESSAGES}"><m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>`,
      `<t:SubscriptionId>${subscriptionIdOf(this.#index)}</t:SubscriptionId><t:PreviousWatermark>${previous}</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>`,
      `<t:CreatedEvent>${mail}</t:CreatedEvent><t:NewMailEvent>${mail}</t:NewMailEvent>`,
      `<t:ModifiedEvent>${mark}<t:FolderId ${inbox}<t:ParentFolderId ${inbox}${unread}</t:ModifiedEvent>`,
      "</m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>"
    ].join("")
    return `POST ${this.#target} HTTP/1.1\r\nContent-Type: text/xml; charset=utf-8\r\nAccept: text/xml\r\nSOAPAction: ${MESSAGES}/SendNotification\r\nHost: ens.example.com\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  }

  /** The first one is what `populate` has stored. */
  #watermark(): string {
    return `AQAAABn${this.#index + 1}${this.#sequence === 0 ? "" : `A${this.#sequence}`}`
  }
}

/** Kept from one order to the next. */
const known = new Map<string, { readonly mails: ReadonlyArray<Mails>; next: number }>()
const mailsFor = (targets: ReadonlyArray<string>) => {
  const found = known.get(targets[0]!) ?? {
    mails: targets.map((target, index) => new Mails(target, index)),
    next: 0
  }
  known.set(targets[0]!, found)
  return found
}

/** A connection with one callback at a time; calls `done` at the `OK`. */
class Line {
  readonly #socket: Socket
  #done: () => void = () => {}

  constructor(port: number, fail: (error: Error) => void) {
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true })
    this.#socket.on("error", fail)
    let text = ""
    this.#socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1")
      if (!text.endsWith("Envelope>")) return
      if (!text.includes(">OK<")) return fail(new Error(text))
      text = ""
      this.#done()
    })
  }

  send(request: string, done: () => void): void {
    this.#done = done
    this.#socket.write(request)
  }

  end(): void {
    this.#socket.destroy()
  }
}

const load = (order: MailOrder): Promise<MailResult> =>
  new Promise((resolve, reject) => {
    const source = mailsFor(order.targets)
    const latencies: Array<number> = []
    const before = notifications
    const start = performance.now()
    const end = start + order.milliseconds
    const lines = Array.from({ length: order.connections }, () => new Line(order.port, reject))
    const idle = [...lines]
    let sent = 0
    const send = (line: Line, due: number) => {
      sent += 1
      const mails = source.mails[source.next++ % source.mails.length]!
      line.send(mails.next(), () => {
        latencies.push(performance.now() - due)
        idle.push(line)
      })
    }
    // Never sleeps: waking a sleeping peer would cost the server more, and the slower one more often.
    const tick = () => {
      const now = performance.now()
      const due = order.rate === undefined ? Infinity : ((now - start) / 1000) * order.rate
      while (now < end && idle.length > 0 && sent < due) {
        send(idle.pop()!, order.rate === undefined ? now : start + (sent / order.rate) * 1000)
      }
      if (now < end || idle.length < lines.length) {
        setImmediate(tick)
        return
      }
      for (const line of lines) line.end()
      const sorted = Float64Array.from(latencies).sort()
      const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
      resolve({
        mails: sent,
        milliseconds: performance.now() - start,
        notifications: notifications - before,
        p50: at(0.5),
        p99: at(0.99)
      })
    }
    tick()
  })

const exchange = await startExchange(logIn)
await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve))
const gatewayUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}/nws/notify/apns`
process.on("message", (order: MailOrder) => {
  load(order).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      throw error
    }
  )
})
process.on("disconnect", () => process.exit())
process.send?.({ logIn, users, gatewayUrl, ...exchange } satisfies MailWorld)
