import * as Http2 from "node:http2"
import type { SecureContextOptions } from "node:tls"
import { Effect, Schedule, type Scope } from "effect"
import type { ApnsResponse } from "./ApnsReply.ts"
import { codeOf, TIMEOUT, TOO_LONG } from "./NetworkTrouble.ts"

/** One HTTP/2 connection to an APNs host that is opened when needed, kept, and replaced when it ends. */
export interface ApnsConnection {
  /** Fails with a code for `reasonOf`. */
  readonly post: (
    path: string,
    headers: Http2.OutgoingHttpHeaders,
    body: string
  ) => Effect.Effect<ApnsResponse, string>
}

export interface ConnectionOptions {
  /** `https://host:port` */
  readonly origin: string
  /** Authorities to trust besides; given to TLS as they are. */
  readonly tls?: SecureContextOptions
  /** Milliseconds that a request may take, connecting included. */
  readonly timeout: number
}

/**
 * How many requests are under way at once is limited by APNs itself (it may allow a single one until it has accepted the
 * token): more of them wait inside node:http2. A request whose connection ends before the answer is tried once more on a
 * new one, because a server may close (GOAWAY) at any time, and the collapse id makes a duplicate harmless. A connection
 * on which nothing is answered any more, or a ping every minute is not, is given up.
 */
export const make = Effect.fnUntraced(function* (
  options: ConnectionOptions
): Effect.fn.Return<ApnsConnection, never, Scope.Scope> {
  const links = new Set<Link>()
  let current: Link | undefined
  let closed = false

  const open = (): Link => {
    const session = Http2.connect(options.origin, { ...options.tls, settings: { enablePush: false } })
    const link: Link = { session, connected: connecting(session), answers: 0 }
    // What fails with it hears of it by itself; without a listener it would end the process.
    session.on("error", () => {})
    session.on("close", () => links.delete(link))
    links.add(link)
    return link
  }

  const connected = Effect.suspend(() => {
    if (closed) return Effect.fail("closed")
    const link = current && isUsable(current) ? current : open()
    current = link
    return Effect.tryPromise({ try: () => link.connected, catch: codeOf }).pipe(
      Effect.onInterrupt(() => Effect.sync(() => link.session.connecting && link.session.destroy())),
      Effect.as(link)
    )
  })

  const post: ApnsConnection["post"] = (path, headers, body) => {
    const request = (link: Link) => exchange(link, { ":method": "POST", ":path": path, ...headers }, body)
    return connected.pipe(
      Effect.flatMap((link) =>
        Effect.catchIf(
          request(link),
          (code) => code !== TOO_LONG,
          () => Effect.flatMap(connected, request)
        )
      ),
      Effect.timeoutFail({ duration: options.timeout, onTimeout: () => TIMEOUT })
    )
  }

  const ping = Effect.suspend(() => (current && isUsable(current) ? pong(current.session) : Effect.void))
  yield* Effect.forkScoped(Effect.repeat(ping, Schedule.spaced(PING_EVERY)))

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      for (const { session } of links) session.destroy()
    })
  )

  return { post }
})

/** Milliseconds. */
const PING_EVERY = 60_000
const PONG_WITHIN = 10_000

/** Bytes; APNs' answers have less than a hundred. */
const ANSWER_MAX = 8 * 1024

interface Link {
  readonly session: Http2.ClientHttp2Session
  readonly connected: Promise<void>
  /** How many requests were answered on it. */
  answers: number
}

/** After a GOAWAY a session is closed: it ends when all is answered, and takes nothing new. */
const isUsable = ({ session }: Link) => !session.closed && !session.destroyed

const connecting = (session: Http2.ClientHttp2Session): Promise<void> => {
  const connected = new Promise<void>((resolve, reject) => {
    session.once("connect", () => resolve())
    session.once("error", reject)
    session.once("close", () => reject(new Error("closed")))
  })
  // Whoever waits hears of it; nobody may be waiting.
  connected.catch(() => {})
  return connected
}

const pong = (session: Http2.ClientHttp2Session): Effect.Effect<void> =>
  Effect.async<void, "none">((resume) => {
    const sent = session.ping((error) => resume(error ? Effect.fail("none") : Effect.void))
    if (!sent) resume(Effect.fail("none"))
  }).pipe(
    Effect.timeoutFail({ duration: PONG_WITHIN, onTimeout: () => "none" as const }),
    Effect.catchAll(() => Effect.sync(() => session.destroy()))
  )

const exchange = (
  link: Link,
  headers: Http2.OutgoingHttpHeaders,
  body: string
): Effect.Effect<ApnsResponse, string> =>
  Effect.async((resume) => {
    const fail = (code: string) => resume(Effect.fail(code))
    let stream: Http2.ClientHttp2Stream
    try {
      stream = link.session.request(headers)
    } catch (cause) {
      fail(codeOf(cause))
      return
    }
    const answersBefore = link.answers
    const chunks: Array<Buffer> = []
    let bytes = 0
    let response: Omit<ApnsResponse, "body"> | undefined
    stream.on("response", (answer) => {
      link.answers++
      response = { status: answer[":status"] ?? 0, retryAfter: answer["retry-after"] }
    })
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= ANSWER_MAX) chunks.push(chunk)
      else {
        fail(TOO_LONG)
        stream.close(Http2.constants.NGHTTP2_CANCEL)
      }
    })
    stream.on("end", () => {
      if (response) resume(Effect.succeed({ ...response, body: Buffer.concat(chunks).toString("utf8") }))
    })
    stream.on("error", (cause) => fail(codeOf(cause)))
    stream.on("close", () => fail("ERR_HTTP2_STREAM_CANCEL"))
    stream.end(body)
    return Effect.sync(() => {
      stream.close(Http2.constants.NGHTTP2_CANCEL)
      // Nobody was answered meanwhile: the other side may be gone without a word.
      if (link.answers === answersBefore) link.session.destroy()
    })
  })
