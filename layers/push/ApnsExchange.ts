import * as Http2 from "node:http2"
import type { ApnsResponse } from "./ApnsReply.ts"
import { codeOf, TOO_LONG } from "./NetworkTrouble.ts"

/** What came of a request: APNs' answer, or a code for `reasonOf`. */
export type Answer = ApnsResponse | string

/** Sends one request over a session and calls `done` once; returns what cancels it. */
export const exchange = (
  session: Http2.ClientHttp2Session,
  headers: Http2.OutgoingHttpHeaders,
  body: string,
  done: (answer: Answer) => void
): (() => void) => {
  let stream: Http2.ClientHttp2Stream
  try {
    stream = session.request(headers)
  } catch (cause) {
    done(codeOf(cause))
    return () => {}
  }
  let over = false
  const finish = (answer: Answer) => {
    if (over) return
    over = true
    done(answer)
  }
  const cancel = () => {
    over = true
    stream.close(Http2.constants.NGHTTP2_CANCEL)
  }
  const chunks: Array<Buffer> = []
  let bytes = 0
  let response: Omit<ApnsResponse, "body"> | undefined
  stream.on("response", (answer) => {
    response = { status: answer[":status"] ?? 0, retryAfter: answer["retry-after"] }
  })
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= ANSWER_MAX) chunks.push(chunk)
    else {
      finish(TOO_LONG)
      cancel()
    }
  })
  stream.on("end", () => {
    if (response) finish({ ...response, body: Buffer.concat(chunks).toString("utf8") })
  })
  stream.on("error", (cause) => finish(codeOf(cause)))
  stream.on("close", () => finish("ERR_HTTP2_STREAM_CANCEL"))
  stream.end(body)
  return cancel
}

/** Bytes; APNs' answers have less than a hundred. */
const ANSWER_MAX = 8 * 1024
