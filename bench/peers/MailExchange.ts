import { randomBytes, X509Certificate } from "node:crypto"
import type { AddressInfo } from "node:net"
import { createServer, type TLSSocket } from "node:tls"
import { Either } from "effect"
import forge from "node-forge"
import { MESSAGES, SOAP_11, TYPES } from "../../layers/ews/SoapReader.ts"
import { channelBindingOf } from "../../layers/net/ChannelBinding.ts"
import { challenge, isNegotiate, verify } from "../../layers/net/NtlmServer.ts"
import { selfMade } from "../../src/sandbox/SelfMadeCertificate.ts"
import { PATH } from "./EwsLoad.ts"
import { DOMAIN, type LogInKind, ownerOf, PASSWORD } from "./MailWorld.ts"
import { inboxOf } from "./Population.ts"

/**
 * Exchange as far as a mail needs it: GetItem, GetFolder, and a log-in of one kind that is really checked, NTLM with its
 * channel binding. On raw sockets with answers that are all but ready, so that it costs less CPU than who is measured.
 */
export const startExchange = async (logIn: LogInKind) => {
  const { cert, key } = selfMade(["127.0.0.1"], 1)
  const clients = logIn === "Certificate" ? Array.from({ length: CLIENTS }, clientCertificate) : []
  const gate = logIn === "NTLM" ? ntlmGate(cert) : logIn === "Certificate" ? openGate : headerGate(logIn)
  const mutual = { requestCert: true, rejectUnauthorized: true, ca: clients.map((client) => client.cert) }
  const server = createServer(
    { cert, key, noDelay: true, ...(logIn === "Certificate" ? mutual : {}) },
    (socket) => serve(socket, gate)
  )
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    ewsUrl: `https://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`,
    ca: cert,
    certificates: clients.map(({ pkcs12 }) => pkcs12)
  }
}

/** Of every mail: a notification that names it has the details. */
export const SENDER = "Bob Baker"

/** Different files, because a user's must not be taken for another's. */
const CLIENTS = 16

const clientCertificate = (_: unknown, index: number) => {
  const { cert, key } = selfMade([`user${index}.example.com`], 1)
  const made = forge.pkcs12.toPkcs12Asn1(
    forge.pki.privateKeyFromPem(key),
    [forge.pki.certificateFromPem(cert)],
    PASSWORD,
    { algorithm: "aes256", count: 2_048 }
  )
  return { cert, pkcs12: Buffer.from(forge.asn1.toDer(made).getBytes(), "latin1").toString("base64") }
}

/** undefined: let in; else the 401 to answer with. */
type Gate = (authorization: string | undefined, socket: TLSSocket) => Buffer | undefined

/** TLS has let in who is let in. */
const openGate: Gate = () => undefined

const headerGate = (scheme: string): Gate => {
  const refusal = unauthorized(scheme)
  return (authorization) => (authorization?.startsWith(scheme) === true ? undefined : refusal)
}

const ntlmGate = (cert: string): Gate => {
  const binding = channelBindingOf(new X509Certificate(cert))
  const refusal = unauthorized("NTLM")
  const known = new WeakMap<TLSSocket, "in" | { readonly negotiate: Buffer; readonly challenge: Buffer }>()
  return (authorization, socket) => {
    const before = known.get(socket)
    if (authorization === undefined) return before === "in" ? undefined : refusal
    const message = Buffer.from(authorization.slice("NTLM ".length), "base64")
    if (isNegotiate(message)) {
      const sent = challenge({
        serverChallenge: randomBytes(8),
        netbiosDomain: DOMAIN,
        netbiosComputer: "MBX01",
        now: Date.now()
      })
      known.set(socket, { negotiate: message, challenge: sent })
      return unauthorized(`NTLM ${sent.toString("base64")}`)
    }
    if (before === undefined || before === "in") return refusal
    const verdict = verify(message, { ...before, passwordOf: () => PASSWORD })
    if (Either.isLeft(verdict) || !(verdict.right.channelBinding?.equals(binding) ?? false)) return refusal
    known.set(socket, "in")
    return undefined
  }
}

const unauthorized = (challenge: string) =>
  Buffer.from(`HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: ${challenge}\r\nContent-Length: 0\r\n\r\n`)

const serve = (socket: TLSSocket, gate: Gate): void => {
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
      const body = rest.toString("utf8", end + 4, length)
      rest = rest.subarray(length)
      socket.write(gate(/\r\nauthorization: ([^\r]*)/i.exec(head)?.[1], socket) ?? answerTo(head, body))
    }
  })
}

const answerTo = (head: string, request: string): Buffer => {
  if (request.includes(":GetFolder>"))
    return found(folder(Number(/anchormailbox: user(\d+)@/i.exec(head)?.[1])))
  const items = [...request.matchAll(/:ItemId Id="([^"]+)"/g)]
  return found([MAILS, ...items.map(([, id]) => mail(id!)), MAILS_END].join(""))
}

const found = (body: string) =>
  Buffer.from(
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
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body
    ].join("\r\n"),
    "utf8"
  )

const HEAD = [
  '<?xml version="1.0" encoding="utf-8"?>',
  `<s:Envelope xmlns:s="${SOAP_11}" xmlns:m="${MESSAGES}" xmlns:t="${TYPES}"><s:Header>`,
  '<t:ServerVersionInfo MajorVersion="15" MinorVersion="1" MajorBuildNumber="2507" MinorBuildNumber="6"',
  ' Version="V2017_07_11"/></s:Header><s:Body>'
].join("")
const TAIL = "</s:Body></s:Envelope>"

const folder = (index: number) =>
  [
    `${HEAD}<m:GetFolderResponse><m:ResponseMessages><m:GetFolderResponseMessage ResponseClass="Success">`,
    "<m:ResponseCode>NoError</m:ResponseCode><m:Folders><t:Folder>",
    `<t:FolderId Id="${inboxOf(index)}" ChangeKey="AQAAAA=="/><t:UnreadCount>7</t:UnreadCount></t:Folder></m:Folders>`,
    `</m:GetFolderResponseMessage></m:ResponseMessages></m:GetFolderResponse>${TAIL}`
  ].join("")

const MAILS = `${HEAD}<m:GetItemResponse><m:ResponseMessages>`
const MAILS_END = `</m:ResponseMessages></m:GetItemResponse>${TAIL}`
const mail = (id: string) =>
  [
    '<m:GetItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Items>',
    `<t:Message><t:ItemId Id="${id}" ChangeKey="CQAAABYAAADGxR3nqCM5QIDo0AB4vXhmAAAB"/>`,
    `<t:ParentFolderId Id="${inboxOf(ownerOf(id))}" ChangeKey="AQAAAA=="/>`,
    "<t:Subject>Minutes of Thursday&apos;s meeting &amp; what is left to do</t:Subject>",
    `<t:DateTimeReceived>${RECEIVED}</t:DateTimeReceived>`,
    `<t:From><t:Mailbox><t:Name>${SENDER}</t:Name><t:EmailAddress>bob.baker@example.com</t:EmailAddress>`,
    "<t:RoutingType>SMTP</t:RoutingType><t:MailboxType>Mailbox</t:MailboxType></t:Mailbox></t:From>",
    "<t:IsRead>false</t:IsRead></t:Message></m:Items></m:GetItemResponseMessage>"
  ].join("")
const RECEIVED = new Date().toISOString().replace(/\.\d+Z$/, "Z")
