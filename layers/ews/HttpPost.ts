import { Data, Effect } from "effect"
import type { Client, Dispatcher } from "undici"
import type { HttpAnswer } from "./SoapAnswer.ts"

/** No whole answer came. `sent`: the host may have got the request; false only if it surely has not. */
export class HttpFailure extends Data.TaggedError("HttpFailure")<{
  readonly kind: "connection" | "silence" | "too large"
  readonly sent: boolean
  readonly status: number
  /** A code or a fixed text, nothing out of the exchange. */
  readonly reason: string
}> {}

/** What a caller that gives up wants to know; written while the call runs. */
export interface Progress {
  sent: boolean
}

/**
 * One request over a connection that the caller has to itself, and the whole answer. Redirects are answers like any other.
 * After a failure or an interruption the connection is of no use any more, and its lender closes it. The client's own
 * limits (silence, size of the answer) show as failures.
 */
export const post = (
  client: Client,
  method: "GET" | "POST",
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  progress: Progress
): Effect.Effect<HttpAnswer, HttpFailure> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    let status = 0
    let answered: HttpAnswer["headers"] = {}
    const fail = (error: Error) => resume(Effect.fail(failureOf(error, progress.sent, status)))
    const handler: Dispatcher.DispatchHandler = {
      // Called when the connection stands, right before the first byte is written.
      onRequestStart: () => {
        progress.sent = true
      },
      onResponseStart: (_, code, received) => {
        status = code
        answered = received
      },
      onResponseData: (_, chunk) => {
        chunks.push(chunk)
      },
      onResponseEnd: () => resume(Effect.succeed({ status, headers: answered, body: Buffer.concat(chunks) })),
      onResponseError: (_, error) => fail(error)
    }
    try {
      client.dispatch(
        { method, path, headers: { ...headers }, body: method === "GET" ? null : body },
        handler
      )
    } catch (error) {
      // undici throws what it finds wrong with the arguments, such as a header with a line break.
      fail(error instanceof Error ? error : new Error(String(error)))
    }
  })

const failureOf = (error: Error, sent: boolean, status: number): HttpFailure => {
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name
  const kind =
    code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT"
      ? "silence"
      : code === "UND_ERR_RES_EXCEEDED_MAX_SIZE"
        ? "too large"
        : "connection"
  return new HttpFailure({ kind, sent, status, reason: REASONS.get(code) ?? code })
}

/** Codes that say nothing to an operator. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENS_ADDRESS_NOT_ALLOWED", "its address may not be used: link-local, metadata, or private and not listed"],
  ["UND_ERR_CONNECT_TIMEOUT", "no connection in time"],
  ["UND_ERR_SOCKET", "the connection was closed"],
  ["UND_ERR_INVALID_ARG", "the request cannot be written"],
  ["ECONNRESET", "the connection was reset"],
  ["ECONNREFUSED", "the connection was refused"],
  ["ENOTFOUND", "its name does not resolve"]
])
