import { randomBytes, X509Certificate } from "node:crypto"
import { createSecureContext, TLSSocket } from "node:tls"
import { Either } from "effect"
import { SaxesParser } from "saxes"
import { buildConnector, Client, type Dispatcher, Pool } from "undici"
import { mailsRequest, soapAction } from "../../layers/ews/Requests.ts"
import { TYPES } from "../../layers/ews/SoapReader.ts"
import { channelBindingOf } from "../../layers/net/ChannelBinding.ts"
import * as Ntlm from "../../layers/net/Ntlm.ts"
import type { Credentials } from "../../schemas/Credentials.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import type { MailWorld } from "./MailWorld.ts"

export type { Credentials } from "../../schemas/Credentials.ts"

/**
 * GetItem by undici alone. Connections are kept where any user may go over them; who logs in by NTLM or shows a
 * certificate has one of his own for the call, with a TLS handshake of its own, because a resumed session tells of no
 * server certificate for NTLM to be bound to, and would show the client certificate of another.
 */
export const exchangeClient = (world: MailWorld) => {
  const { origin, pathname: path } = new URL(world.ewsUrl)
  const { ca, logIn } = world
  const secureContext = createSecureContext({ ca })
  const shared = new Pool(origin, { connections: 16, pipelining: 1, connect: { secureContext } })

  const get = async (
    dispatcher: Dispatcher,
    items: ReadonlyArray<string>,
    authorization: string | undefined
  ) => {
    const { body, operation } = mailsRequest("Exchange2013_SP1", items as ReadonlyArray<ItemId>, SHAPE)
    const answer = await dispatcher.request({
      method: "POST",
      path,
      headers: { ...HEADERS, soapaction: soapAction(operation), ...(authorization && { authorization }) },
      body
    })
    const text = await answer.body.text()
    if (answer.statusCode !== 200) throw new Error(`GetItem: HTTP ${answer.statusCode}`)
    return readMails(text)
  }

  const byNtlm = async ({ password = "", username = "" }: Credentials, items: ReadonlyArray<string>) => {
    let socket: unknown
    const connect = buildConnector({ secureContext, maxCachedSessions: 0 })
    const client = new Client(origin, {
      connect: (options, callback) =>
        connect(options, (...[error, connected]) => {
          if (error !== null) return callback(error, null)
          socket = connected
          callback(null, connected)
        })
    })
    try {
      const negotiate = Ntlm.negotiate()
      const authorization = `NTLM ${negotiate.toString("base64")}`
      const first = await client.request({ method: "POST", path, headers: { ...HEADERS, authorization } })
      await first.body.dump()
      const token = /^NTLM (.+)$/.exec(String(first.headers["www-authenticate"]))?.[1] ?? ""
      const third = Ntlm.authenticate({
        user: username,
        domain: undefined,
        password,
        challenge: Either.getOrThrow(Ntlm.parseChallenge(Buffer.from(token, "base64"))),
        negotiate,
        channelBinding: bindingOf(socket),
        random: randomBytes(8),
        now: Date.now()
      })
      return await get(client, items, `NTLM ${third.toString("base64")}`)
    } finally {
      await client.destroy()
    }
  }

  const byCertificate = async (credentials: Credentials, items: ReadonlyArray<string>) => {
    const { certificate = "", certificatePassword = "" } = credentials
    const own = { ca, pfx: Buffer.from(certificate, "base64"), passphrase: certificatePassword }
    const client = new Client(origin, { connect: { ...own, maxCachedSessions: 0 } })
    try {
      return await get(client, items, undefined)
    } finally {
      await client.destroy()
    }
  }

  return (credentials: Credentials, items: ReadonlyArray<string>) => {
    switch (logIn) {
      case "Bearer":
        return get(shared, items, `Bearer ${credentials.accessToken}`)
      case "Basic": {
        const pair = `${credentials.username}:${credentials.password}`
        return get(shared, items, `Basic ${Buffer.from(pair).toString("base64")}`)
      }
      case "NTLM":
        return byNtlm(credentials, items)
      case "Certificate":
        return byCertificate(credentials, items)
    }
  }
}

const SHAPE = { sender: true, subject: true, preview: false }
const HEADERS = {
  "user-agent": "PlainScript/1.0",
  "content-type": "text/xml; charset=utf-8",
  accept: "text/xml"
}

const bindingOf = (socket: unknown): Buffer | undefined => {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
  return certificate instanceof X509Certificate ? channelBindingOf(certificate) : undefined
}

const readMails = (xml: string) => {
  const mails: Array<{ itemId: string; isRead: boolean; sender: string; subject: string }> = []
  let text = ""
  const parser = new SaxesParser({ xmlns: true, position: false })
  parser.on("opentag", ({ attributes, local, uri }) => {
    text = ""
    if (uri === TYPES && local === "ItemId") {
      mails.push({ itemId: attributes["Id"]!.value, isRead: false, sender: "", subject: "" })
    }
  })
  parser.on("text", (more) => {
    text += more
  })
  parser.on("closetag", ({ local, uri }) => {
    const mail = mails.at(-1)
    if (uri !== TYPES || mail === undefined) return
    if (local === "Subject") mail.subject = text
    else if (local === "Name") mail.sender = text
    else if (local === "IsRead") mail.isRead = text === "true"
  })
  parser.write(xml).close()
  return mails
}
