import type { ServerResponse } from "node:http"
import { document, type Reply } from "./ExchangeSoap.ts"
import type { ServerRelease } from "./ExchangeVersions.ts"

/** An HTTP answer of the stand-in. */
export interface Answer {
  readonly status: number
  readonly text: string
  readonly type: string
  readonly headers?: Readonly<Record<string, string | ReadonlyArray<string>>>
  /** Run once the answer is on its way. */
  readonly afterwards?: () => void
}

/** An answer without content. */
export const bare = (status: number, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  text: "",
  type: "text/html",
  headers
})

export const soap = (reply: Reply, release: ServerRelease): Answer => {
  const answer = { ...document(reply, release), type: "text/xml; charset=utf-8" }
  return reply._tag === "Response" && reply.afterwards !== undefined
    ? { ...answer, afterwards: reply.afterwards }
    : answer
}

/** Nobody got in. */
export const unauthorized = (challenges: ReadonlyArray<string>): Answer => ({
  ...bare(401),
  headers: { "WWW-Authenticate": challenges }
})

/** What a proxy's log-in form looks like to a client. */
export const page: Answer = {
  status: 200,
  text: "<!DOCTYPE html><html><body>Please log in.<br></body></html>",
  type: "text/html"
}

/** Sends an answer, unless the client is gone. */
export const send = (outgoing: ServerResponse, answer: Answer): void => {
  if (answer.afterwards !== undefined && outgoing.closed) answer.afterwards()
  else if (answer.afterwards !== undefined) outgoing.once("close", answer.afterwards)
  if (outgoing.destroyed) return
  outgoing.writeHead(answer.status, {
    "Content-Type": answer.type,
    "Content-Length": Buffer.byteLength(answer.text),
    ...Object.fromEntries(
      Object.entries(answer.headers ?? {}).map(([name, value]) => [
        name,
        typeof value === "string" ? value : [...value]
      ])
    )
  })
  outgoing.end(answer.text)
}
