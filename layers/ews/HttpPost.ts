import type { Socket } from "node:net"
import { Data, Effect, Exit } from "effect"
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
 * A failure closes the connection, because nobody can know what is still to come over it; whoever does not wait for the
 * answer any more must `abandon` it, which does so, too. The connection's own limits (silence, size of the answer) show as
 * failures. Sockets live in real time, and so do the limits.
 */
export class Posting {
  readonly #connection: Connection
  readonly #request: HttpPost
  #timer: NodeJS.Timeout | undefined

  constructor(connection: Connection, request: HttpPost) {
    this.#connection = connection
    this.#request = request
  }

  /** To be run once. Interrupting it abandons nothing by itself: that would be a region more for each request. */
  readonly answer: Effect.Effect<HttpAnswer, HttpFailure> = Effect.async((resume) => this.#send(resume))

  /** Without effect after the end. */
  abandon(): void {
    if (this.#timer === undefined) return
    this.#over()
    this.#connection.close()
  }

  #over(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #send(resume: (exit: Effect.Effect<HttpAnswer, HttpFailure>) => void): void {
    const connection = this.#connection
    const request = this.#request
    const chunks: Array<Buffer> = []
    let sent = false
    let status = 0
    let answered: HttpAnswer["headers"] = {}
    const fail = (error: Error) => {
      const failure = failureOf(error, sent, status)
      this.#over()
      if (failure.kind !== "moved") connection.close()
      resume(Effect.fail(failure))
    }
    // A timer of its own is a tenth of what a race of two fibers costs.
    this.#timer = setTimeout(() => fail(new Late()), request.timeout)
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
      onResponseEnd: () => {
        this.#over()
        resume(Exit.succeed({ status, headers: answered, body: wholeOf(chunks) }))
      },
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
  }
}

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
