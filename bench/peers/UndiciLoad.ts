import { Client, Pool } from "undici"
import { USER_AGENT } from "../../layers/ews/HttpSessionsLive.ts"
import { mailsRequest, soapAction } from "../../layers/ews/Requests.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import { ADDRESS, PASSWORD, SHAPE, serveLoad } from "./EwsLoad.ts"
import { PASSWORD as MAIL_PASSWORD } from "./MailWorld.ts"

/**
 * The same request as ENS sends, by undici alone: the body is read and thrown away. With an argument each call has a
 * connection of its own: for `NTLM` two requests, which are refused, for `Certificate` one that shows the certificate.
 */
const logIn = process.argv[2]

serveLoad(({ ca, certificate, item, url }) => {
  const { origin, pathname: path } = new URL(url)
  const shown =
    certificate === undefined ? {} : { pfx: Buffer.from(certificate, "base64"), passphrase: MAIL_PASSWORD }
  const pool = new Pool(origin, { connections: 16, pipelining: 1, connect: { ca } })
  const { body, operation } = mailsRequest("Exchange2013", [item as ItemId], SHAPE)
  const headers = {
    "user-agent": USER_AGENT,
    "client-request-id": "0a0a0a0a-1111-4222-8333-444444444444",
    "return-client-request-id": "true",
    "content-type": "text/xml; charset=utf-8",
    accept: "text/xml",
    soapaction: soapAction(operation),
    authorization: `Basic ${Buffer.from(`${ADDRESS}:${PASSWORD}`).toString("base64")}`
  }
  const ask = async (through: Pool | Client, expected: number, sent = body) => {
    const answer = await through.request({ method: "POST", path, headers, body: sent })
    if (answer.statusCode !== expected) throw new Error(`HTTP ${answer.statusCode}`)
    await answer.body.dump()
  }
  const connectAndAsk = async () => {
    const client = new Client(origin, { connect: { ca, ...shown } })
    if (logIn === "NTLM") {
      await ask(client, 401, "")
      await ask(client, 401)
    } else await ask(client, 200)
    await client.destroy()
  }
  return async (end) => {
    let calls = 0
    for (; performance.now() < end; calls += 1) {
      await (logIn === undefined ? ask(pool, 200) : connectAndAsk())
    }
    return calls
  }
})
