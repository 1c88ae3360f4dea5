import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http"

/** What a push service does with a request: an answer, silence, or a connection cut off before or within the answer. */
export type HttpAct =
  | {
      readonly status?: number
      readonly headers?: OutgoingHttpHeaders
      /** What is no text is sent as JSON. */
      readonly body?: unknown
    }
  | "silence"
  | "cut"
  | "cut within"

/** Does so. */
export const perform = (
  act: HttpAct,
  contentType: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): void => {
  if (act === "silence" || outgoing.destroyed) return
  if (act === "cut") return void incoming.socket.destroy()
  if (act === "cut within") {
    outgoing.writeHead(200, { "content-length": 1_000 })
    return void outgoing.write("{", () => incoming.socket.destroy())
  }
  const { body = "", headers = {}, status = 200 } = act
  outgoing.writeHead(status, { "content-type": contentType, ...headers })
  outgoing.end(typeof body === "string" ? body : JSON.stringify(body))
}

/** Of the answer; 0 if there is none. */
export const statusOf = (act: HttpAct): number => (typeof act === "string" ? 0 : (act.status ?? 200))
