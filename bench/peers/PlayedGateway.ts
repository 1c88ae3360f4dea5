import { type AddressInfo, createServer } from "node:net"
import { readItem } from "./Mailboxes.ts"
import { SENDER } from "./PlayedExchange.ts"
import { okAnswer, serveRaw } from "./RawHttp.ts"

/** One notification that arrived, for one mail. */
export interface Arrived {
  readonly serial: number
  readonly withDetails: boolean
}

/** CNS's place, taking everything at once. */
export interface PlayedGateway {
  readonly url: string
  /** Notifications since the last time, those for mails and those that only carry a badge. */
  readonly takeCounts: () => { readonly mails: number; readonly badges: number }
}

/** Starts it on a free port of loopback. */
export const playGateway = (arrived: (notification: Arrived) => void): Promise<PlayedGateway> => {
  let mails = 0
  let badges = 0
  const server = createServer(
    { noDelay: true },
    serveRaw((_head, body) => {
      for (const notification of (JSON.parse(body) as CnsBody).notifications) {
        const serials = serialsIn(notification.payload)
        if (serials.length === 0) badges += 1
        const withDetails = JSON.stringify(notification.payload).includes(SENDER)
        for (const serial of serials) {
          mails += 1
          arrived({ serial, withDetails })
        }
      }
      return TAKEN
    })
  )
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve({
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/nws/notify/apns`,
        takeCounts: () => {
          const taken = { mails, badges }
          mails = 0
          badges = 0
          return taken
        }
      })
    })
  })
}

interface CnsBody {
  readonly notifications: ReadonlyArray<{ readonly payload: Payload }>
}

/** Of an iPhone's payload, which has its own part, and of Android's flat map, whose values are text. */
interface Payload {
  readonly ens?: Named
  readonly messageId?: string
  readonly messageIds?: string
}

interface Named {
  readonly messageId?: string
  readonly messageIds?: ReadonlyArray<string>
}

const serialsIn = ({ ens, messageId, messageIds }: Payload): ReadonlyArray<number> => {
  const texts = messageIds === undefined ? [] : (JSON.parse(messageIds) as ReadonlyArray<string>)
  const items = [messageId, ens?.messageId, ...texts, ...(ens?.messageIds ?? [])]
  return items.flatMap((item) => (item === undefined ? [] : [readItem(item).serial]))
}

const TAKEN = okAnswer("application/json", '{"status":"success","errorReason":null}')
