import type { AddressInfo } from "node:net"
import { createServer } from "node:tls"
import { MESSAGES, SOAP_11, TYPES } from "../../layers/ews/SoapReader.ts"
import { selfMade } from "../../src/sandbox/SelfMadeCertificate.ts"
import { PATH } from "./EwsLoad.ts"
import { subscriptionIdOf } from "./Heartbeat.ts"
import { readItem } from "./Mailboxes.ts"
import { inboxOf } from "./Population.ts"
import { okAnswer, serveRaw } from "./RawHttp.ts"

export type PlayedOperation = "GetItem" | "GetFolder" | "FindItem" | "Subscribe"

/** Exchange as a population's users find it: every mail and Inbox that is asked for is there, at once. */
export interface PlayedExchange {
  readonly url: string
  /** PEM of the authority that vouches for it. */
  readonly ca: string
  /** Calls since the last time. */
  readonly takeCalls: () => Record<PlayedOperation, number>
}

/** Starts it on a free port of loopback; `unreadOf` says what an Inbox holds. */
export const playExchange = (unreadOf: (index: number) => number): Promise<PlayedExchange> => {
  const calls = { GetItem: 0, GetFolder: 0, FindItem: 0, Subscribe: 0 }
  const answer = (head: string, body: string): string => {
    const user = userIn(head)
    if (user === undefined) return UNKNOWN
    const operation = operations.find((name) => body.includes(`<m:${name}`))
    if (operation === undefined) return REFUSED
    calls[operation] += 1
    return okAnswer(
      "text/xml; charset=utf-8",
      envelope(operation, contentOf(operation, user, body, unreadOf))
    )
  }
  const { cert, key } = selfMade(["127.0.0.1"], 1)
  const server = createServer({ cert, key, noDelay: true }, serveRaw(answer))
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve({
        url: `https://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`,
        ca: cert,
        takeCalls: () => {
          const taken = { ...calls }
          for (const name of operations) calls[name] = 0
          return taken
        }
      })
    })
  })
}

/** How the users of a population log in; an Exchange that is played knows them by it. */
export const PASSWORD = "correct horse battery"
export const userNameOf = (index: number): string => `EXAMPLE\\user${index}`

const operations: ReadonlyArray<PlayedOperation> = ["GetItem", "GetFolder", "FindItem", "Subscribe"]

const userIn = (head: string): number | undefined => {
  const basic = /\r\nauthorization: basic (\S+)/i.exec(head)?.[1]
  const name = basic && /user(\d+)/.exec(Buffer.from(basic, "base64").toString("utf8"))?.[1]
  return name === undefined ? undefined : Number(name)
}

const contentOf = (
  operation: PlayedOperation,
  user: number,
  body: string,
  unreadOf: (index: number) => number
): string => {
  switch (operation) {
    case "GetItem":
      return [...body.matchAll(/<t:ItemId Id="([^"]+)"/g)]
        .map(([, item]) => message("GetItem", mail(item!)))
        .join("")
    case "GetFolder":
      return message(
        "GetFolder",
        `<m:Folders><t:Folder><t:FolderId Id="${inboxOf(user)}" ChangeKey="AQAAAA=="/><t:UnreadCount>${unreadOf(user)}</t:UnreadCount></t:Folder></m:Folders>`
      )
    case "FindItem":
      return message(
        "FindItem",
        '<m:RootFolder TotalItemsInView="0" IncludesLastItemInRange="true"><t:Items/></m:RootFolder>'
      )
    case "Subscribe":
      return message(
        "Subscribe",
        `<m:SubscriptionId>${subscriptionIdOf(user)}</m:SubscriptionId><m:Watermark>AQAAABn${user}A1</m:Watermark>`
      )
  }
}

const message = (operation: PlayedOperation, content: string): string =>
  `<m:${operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>${content}</m:${operation}ResponseMessage>`

const mail = (item: string): string =>
  [
    `<m:Items><t:Message><t:ItemId Id="${item}" ChangeKey="CQAAABYAAADGxR3nqCM5QIDo0AB4vXhmAAAB"/>`,
    `<t:ParentFolderId Id="${inboxOf(readItem(item).index)}" ChangeKey="AQAAAA=="/>`,
    "<t:Subject>Minutes of Thursday&apos;s meeting &amp; what is left to do</t:Subject>",
    `<t:DateTimeReceived>${new Date().toISOString()}</t:DateTimeReceived>`,
    `<t:From><t:Mailbox><t:Name>${SENDER}</t:Name><t:EmailAddress>bob.baker@example.com</t:EmailAddress>`,
    "<t:RoutingType>SMTP</t:RoutingType><t:MailboxType>Mailbox</t:MailboxType></t:Mailbox></t:From>",
    "<t:IsRead>false</t:IsRead></t:Message></m:Items>"
  ].join("")

/** Who writes all the mails; a notification without it went out without details. */
export const SENDER = "Bob Baker"

const envelope = (operation: PlayedOperation, messages: string): string =>
  [
    '<?xml version="1.0" encoding="utf-8"?>',
    `<s:Envelope xmlns:s="${SOAP_11}" xmlns:m="${MESSAGES}" xmlns:t="${TYPES}"><s:Header>`,
    '<t:ServerVersionInfo MajorVersion="15" MinorVersion="1" MajorBuildNumber="2507" MinorBuildNumber="6"',
    ` Version="V2017_07_11"/></s:Header><s:Body><m:${operation}Response><m:ResponseMessages>${messages}`,
    `</m:ResponseMessages></m:${operation}Response></s:Body></s:Envelope>`
  ].join("")

const UNKNOWN =
  'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="ews"\r\nContent-Length: 0\r\n\r\n'
const REFUSED = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
