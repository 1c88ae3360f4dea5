import { type IncomingMessage, request as requestHttp, type ServerResponse } from "node:http"
import { request as requestHttps } from "node:https"

/** Where requests go on to. */
export interface Upstream {
  readonly upstream: string
  /** PEM of the CA that signed its certificate. */
  readonly upstreamCa?: string
}

/**
 * Passes a request on, and its answer back, without offers of NTLM. Resolves with the status of the answer; 502 if there
 * was none, 0 if it broke off.
 */
export const forward = (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { upstream, upstreamCa }: Upstream
): Promise<number> =>
  new Promise((resolve) => {
    const target = new URL(incoming.url ?? "/", upstream)
    const options = { method: incoming.method, headers: { ...passedOn(incoming), host: target.host } }
    const further =
      target.protocol === "https:"
        ? requestHttps(target, { ...options, ...(upstreamCa === undefined ? {} : { ca: upstreamCa }) })
        : requestHttp(target, options)
    further.on("error", () => {
      if (outgoing.headersSent) outgoing.destroy()
      else outgoing.writeHead(502).end()
      resolve(outgoing.statusCode)
    })
    further.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, passedBack(answer))
      answer.pipe(outgoing)
      answer.on("error", () => outgoing.destroy())
      answer.on("close", () => resolve(answer.complete ? (answer.statusCode ?? 0) : 0))
    })
    incoming.pipe(further)
    outgoing.on("close", () => further.destroy())
  })

const passedOn = ({ headers }: IncomingMessage) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)))

/** Connections to the gateway are not those to Exchange, so NTLM cannot work through it. */
const passedBack = (answer: IncomingMessage) => {
  const headers: Record<string, string | Array<string>> = {}
  for (const [name, values] of Object.entries(answer.headersDistinct))
    if (values !== undefined && !HOP_BY_HOP.has(name)) headers[name] = values
  const offers = answer.headersDistinct["www-authenticate"]?.filter(
    (offer) => !/^(?:ntlm|negotiate)/i.test(offer)
  )
  return offers === undefined ? headers : { ...headers, "www-authenticate": offers }
}

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])
