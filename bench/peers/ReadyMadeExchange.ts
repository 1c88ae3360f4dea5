import type { AddressInfo, Socket } from "node:net"
import { createServer } from "node:tls"
import { MESSAGES, SOAP_11, TYPES } from "../../layers/ews/SoapReader.ts"
import { selfMade } from "../../src/sandbox/SelfMadeCertificate.ts"
import { type EwsServerReady, ITEM, PATH } from "./EwsLoad.ts"

/**
 * Exchange as far as GetItem goes: one mail for whatever is asked, 401 with an offer of Basic to who does not log in. On raw
 * sockets with an answer made beforehand, so that it costs less CPU than any client under test.
 */
const NAMESPACES = `xmlns:s="${SOAP_11}" xmlns:m="${MESSAGES}" xmlns:t="${TYPES}"`
const BODY = [
  '<?xml version="1.0" encoding="utf-8"?>',
  `<s:Envelope ${NAMESPACES}><s:Header><t:ServerVersionInfo MajorVersion="15" MinorVersion="1"`,
  ' MajorBuildNumber="2507" MinorBuildNumber="6" Version="V2017_07_11"/></s:Header><s:Body>',
  '<m:GetItemResponse><m:ResponseMessages><m:GetItemResponseMessage ResponseClass="Success">',
  "<m:ResponseCode>NoError</m:ResponseCode><m:Items><t:Message>",
  `<t:ItemId Id="${ITEM}" ChangeKey="CQAAABYAAADGxR3nqCM5QIDo0AB4vXhmAAAB"/>`,
  `<t:ParentFolderId Id="${ITEM}" ChangeKey="AQAAAA=="/>`,
  "<t:Subject>Minutes of Thursday&apos;s meeting &amp; what is left to do</t:Subject>",
  "<t:DateTimeReceived>2026-03-01T08:15:30Z</t:DateTimeReceived>",
  "<t:From><t:Mailbox><t:Name>Bob Baker</t:Name><t:EmailAddress>bob.baker@example.com</t:EmailAddress>",
  "<t:RoutingType>SMTP</t:RoutingType><t:MailboxType>Mailbox</t:MailboxType></t:Mailbox></t:From>",
  "<t:IsRead>false</t:IsRead>",
  `<t:Preview>${"Dear all, here is what we agreed on. ".repeat(6)}</t:Preview>`,
  "</t:Message></m:Items></m:GetItemResponseMessage></m:ResponseMessages></m:GetItemResponse>",
  "</s:Body></s:Envelope>"
].join("")

const FOUND = Buffer.from(
  [
    "HTTP/1.1 200 OK",
    "Cache-Control: private",
    "Content-Type: text/xml; charset=utf-8",
    "Server: Microsoft-IIS/10.0",
    "request-id: 0a0a0a0a-1111-4222-8333-444444444444",
    "X-CalculatedBETarget: mbx01.example.com",
    "X-DiagInfo: MBX01",
    "X-BEServer: MBX01",
    "X-FEServer: CAS01",
    `Content-Length: ${Buffer.byteLength(BODY)}`,
    "",
    BODY
  ].join("\r\n"),
  "utf8"
)
const UNKNOWN = Buffer.from(
  'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="ews"\r\nContent-Length: 0\r\n\r\n'
)

const serve = (socket: Socket): void => {
  let rest: Buffer = Buffer.alloc(0)
  socket.on("error", () => socket.destroy())
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const end = rest.indexOf("\r\n\r\n")
      if (end < 0) return
      const head = rest.toString("latin1", 0, end)
      const length = end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (rest.length < length) return
      rest = rest.subarray(length)
      socket.write(/\r\nauthorization:/i.test(head) ? FOUND : UNKNOWN)
    }
  })
}

const { cert, key } = selfMade(["127.0.0.1"], 1)
const server = createServer({ cert, key, noDelay: true }, serve)
server.listen(0, "127.0.0.1", () => {
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`
  process.send?.({ url, ca: cert, item: ITEM } satisfies EwsServerReady)
})
process.on("disconnect", () => process.exit())
