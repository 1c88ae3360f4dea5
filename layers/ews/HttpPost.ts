import type { Socket } from "node:net"
import { Data, Effect } from "effect"
import type { Dispatcher } from "undici"
import { connectReason } from "../net/ConnectError.ts"
import type { Connection } from "./Connection.ts"
import type { HttpAnswer } from "./SoapAnswer.ts"

/** No whole answer came. `sent`: the host may have got the request; false only if it surely has not. */
export class HttpFailure extends Data.TaggedError("HttpFailure")<{
  /**
   * `late`: the time for the call is over. `moved`: the connection was to be on one socket and is on another; nothing was
   * sent, and it is as good as before.
   */
  readonly kind: "connection" | "silence" | "too large" | "late" | "moved"
  readonly sent: boolean
  readonly status: number
  /** Node's, undici's or the connector's code for what went wrong. */
  readonly code: string
  /** The same in plain words, if there are any. Nothing out of the exchange. */
  readonly reason: string | undefined
}> {}

export interface HttpPost {
  readonly method: "GET" | "POST"
  /** With the query. */
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string
  /** Milliseconds until it is given up. */
  readonly timeout: number
  /** Send it on this socket or not at all. */
  readonly socket: Socket | undefined
  /** Told right before the first byte is written. */
  readonly onStart: () => void
}

/**
 * One request over a connection that the caller has to itself, and the whole answer. Redirects are answers like any other.
 * A failure or an interruption closes the connection, because nobody can know what is still to come over it. The
 * connection's own limits (silence, size of the answer) show as failures. Sockets live in real time, and so do the limits.
 */
export const post = (connection: Connection, request: HttpPost): Effect.Effect<HttpAnswer, HttpFailure> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    let sent = false
    let status = 0
    let answered: HttpAnswer["headers"] = {}
    const end = (exit: Effect.Effect<HttpAnswer, HttpFailure>) => {
      clearTimeout(timer)
      resume(exit)
    }
    const fail = (error: Error) => {
      const failure = failureOf(error, sent, status)
      if (failure.kind !== "moved") connection.close()
      end(Effect.fail(failure))
    }
    // A timer of its own is a tenth of what a race of two fibers costs.
    const timer = setTimeout(() => fail(new Late()), request.timeout)
    const handler: Dispatcher.DispatchHandler = {
      // Called when the connection stands, right before the first byte is written.
      onRequestStart: () => {
        if (request.socket !== undefined && request.socket !== connection.socket) throw new Moved()
        sent = true
        request.onStart()
      },
      onResponseStart: (_, code, received) => {
        status = code
        answered = received
      },
      onResponseData: (_, chunk) => {
        chunks.push(chunk)
      },
      onResponseEnd: () => end(Effect.succeed({ status, headers: answered, body: wholeOf(chunks) })),
      onResponseError: (_, error) => fail(error)
    }
    try {
      connection.client.dispatch(
        {
          method: request.method,
          path: request.path,
          headers: request.headers,
          body: request.method === "GET" ? null : request.body
        },
        handler
      )
    } catch (error) {
      // undici throws what it finds wrong with the arguments, such as a header with a line break.
      fail(error instanceof Error ? error : new Error(String(error)))
    }
    return Effect.sync(() => {
      clearTimeout(timer)
      connection.close()
    })
  })

class Late extends Error {
  readonly code = "ENS_LATE"
}

class Moved extends Error {
  readonly code = "ENS_MOVED"
}

const wholeOf = (chunks: ReadonlyArray<Buffer>): Buffer =>
  chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)

const failureOf = (error: Error, sent: boolean, status: number): HttpFailure => {
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name
  return new HttpFailure({
    kind: KINDS.get(code) ?? "connection",
    sent,
    status,
    code,
    reason: connectReason(error)
  })
}

const KINDS: ReadonlyMap<string, HttpFailure["kind"]> = new Map([
  ["UND_ERR_HEADERS_TIMEOUT", "silence"],
  ["UND_ERR_BODY_TIMEOUT", "silence"],
  ["UND_ERR_RES_EXCEEDED_MAX_SIZE", "too large"],
  ["ENS_LATE", "late"],
  ["ENS_MOVED", "moved"]
])
