import { Pool } from "undici"
import { USER_AGENT } from "../../layers/ews/HttpSessionsLive.ts"
import { mailsRequest, soapAction } from "../../layers/ews/Requests.ts"
import type { ItemId } from "../../schemas/Ids.ts"
import { ADDRESS, PASSWORD, SHAPE, serveLoad } from "./EwsLoad.ts"

/** The same request as ENS sends, by undici alone: the body is read and thrown away. */
serveLoad(({ ca, item, url }) => {
  const { origin, pathname: path } = new URL(url)
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
  return async (end) => {
    let calls = 0
    for (; performance.now() < end; calls += 1) {
      const answer = await pool.request({ method: "POST", path, headers, body })
      if (answer.statusCode !== 200) throw new Error(`HTTP ${answer.statusCode}`)
      await answer.body.dump()
    }
    return calls
  }
})
