import type { ServerResponse } from "node:http"
import { ANSWER_CONTENT_TYPE, answerOf } from "../../layers/ews/SubscriptionStatus.ts"
import type { SubscriptionStatus } from "../../schemas/EwsMessage.ts"
import { methodNotAllowed } from "./MethodNotAllowed.ts"

/** A whole answer to a callback, put together once: the hot path only writes it. The body is ASCII. */
export interface CallbackAnswer {
  readonly status: number
  /** Names and values in turn, as `writeHead` takes them. */
  readonly headers: ReadonlyArray<string>
  readonly body: string
}

/** Exchange repeats after 30 s whatever we say; proxies and other callers read `Retry-After`. */
const RETRY_AFTER_SECONDS = 30

/** The SOAP that Exchange waits for. */
export const soap = (status: SubscriptionStatus): CallbackAnswer =>
  make(200, ANSWER_CONTENT_TYPE, answerOf(status).toString("latin1"))

export const tryAgain = (why: string): CallbackAnswer =>
  make(503, "text/plain; charset=utf-8", `${why}; try again\n`, "Retry-After", String(RETRY_AFTER_SECONDS))

export const refusal = (status: 400 | 403 | 408 | 413, why: string): CallbackAnswer =>
  make(status, "text/plain; charset=utf-8", `${why}\n`)

/** To a forged callback of a source that has sent too many; `wait` in milliseconds. */
export const tooMany = (wait: number): CallbackAnswer => ({
  status: 429,
  headers: ["Content-Length", "0", "Retry-After", String(Math.ceil(wait / 1000))],
  body: ""
})

/** To any method but POST. */
export const wrongMethod = (method: string): CallbackAnswer => {
  const { allow, body, contentType, status } = methodNotAllowed(method, "POST")
  return make(status, contentType, body, "Allow", allow)
}

/** Writes the answer; false if the peer is gone (nothing happens then) or was answered before. */
export const send = (response: ServerResponse, answer: CallbackAnswer, close: boolean): boolean => {
  if (response.destroyed || response.headersSent) return false
  if (close) response.shouldKeepAlive = false
  response.writeHead(answer.status, answer.headers as Array<string>)
  // A string goes out in one piece with the headers, a Buffer would be a second write.
  response.end(answer.body, "latin1")
  return true
}

const make = (status: number, type: string, body: string, ...headers: Array<string>): CallbackAnswer => ({
  status,
  headers: ["Content-Type", type, "Content-Length", String(Buffer.byteLength(body)), ...headers],
  body
})
