import { randomUUID } from "node:crypto"
import * as Http2 from "node:http2"
import { Effect, type Scope } from "effect"
import { type ApnsKeys, problemOf } from "./ApnsProblem.ts"
import { urlOf } from "./Listener.ts"
import type { KeyAndCertificate } from "./SelfMadeCertificate.ts"
import { type CannotListen, type ServerPort, takePort } from "./ServerPort.ts"

/** What APNs is asked for. */
export interface ApnsRequest {
  readonly token: string
  readonly headers: Http2.IncomingHttpHeaders
  /** undefined: not JSON. */
  readonly payload: unknown
}

/** What it does with a request: an answer, silence, the whole connection cut off, or one request refused. */
export type ApnsAct =
  | {
      readonly status?: number
      readonly headers?: Http2.OutgoingHttpHeaders
      /** APNs' own body: `{"reason":…,"timestamp":…}`. */
      readonly reason?: string
      /** Milliseconds since 1970. */
      readonly timestamp?: number
      /** Instead of that. */
      readonly body?: string
    }
  | "silence"
  | "cut"
  | "refuse stream"

export interface ApnsServerOptions {
  readonly host?: string
  readonly port?: number
  readonly tls: KeyAndCertificate
  /** Keys that are accepted, by key id; without it every signed token is. */
  readonly keys?: ApnsKeys
  /** Requests under way at once on a connection (default 1,000, as Apple). */
  readonly streams?: number
  /** Decides about a request; `problem` is what APNs says of it if it is wrong in itself. */
  readonly serve: (request: ApnsRequest, problem: ApnsAct | undefined) => ApnsAct | Promise<ApnsAct>
}

export interface ApnsServer extends ServerPort {
  readonly url: string
  /** How many requests were under way at once, at most. */
  readonly concurrency: () => number
  /** Says goodbye on all connections: what is under way is still answered. */
  readonly goaway: () => void
  /** So many requests may be under way on a connection from now on. */
  readonly allow: (streams: number) => void
  /** From now on another certificate. */
  readonly present: (tls: KeyAndCertificate) => void
}

/** Speaks HTTP/2 over TLS as APNs does (Apple, "Sending notification requests to APNs"), until the scope closes. */
export const serveApns = (options: ApnsServerOptions): Effect.Effect<ApnsServer, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const host = options.host ?? "127.0.0.1"
    const sessions = new Set<Http2.ServerHttp2Session>()
    let server: Http2.Http2SecureServer | undefined
    let { tls, streams = 1_000 } = options
    let now = 0
    let most = 0

    const serve = async (stream: Http2.ServerHttp2Stream, headers: Http2.IncomingHttpHeaders) => {
      // A client that goes away is no trouble of ours.
      stream.on("error", () => {})
      stream.on("close", () => {
        now -= 1
      })
      now += 1
      most = Math.max(most, now)
      const text = await readBody(stream)
      const token = tokenIn(headers[":path"])
      const request = { token, headers, payload: parse(text) }
      answer(stream, await options.serve(request, problemOf(request, Buffer.byteLength(text), options.keys)))
    }

    const port = yield* takePort(host, options.port ?? 0, () => {
      server = Http2.createSecureServer({
        key: tls.key,
        cert: tls.cert,
        settings: { maxConcurrentStreams: streams }
      })
      server.on("session", (session) => {
        sessions.add(session)
        session.on("error", () => {})
        session.on("close", () => sessions.delete(session))
      })
      server.on("sessionError", () => {})
      server.on("stream", (stream, headers) => {
        serve(stream, headers).catch(() => stream.close(Http2.constants.NGHTTP2_INTERNAL_ERROR))
      })
      return server
    })
    return {
      ...port,
      url: urlOf("https", host, port.port),
      concurrency: () => most,
      goaway: () => {
        for (const session of sessions) session.goaway()
      },
      allow: (count) => {
        streams = count
        for (const session of sessions) session.settings({ maxConcurrentStreams: count })
      },
      present: (certificate) => {
        tls = certificate
        server?.setSecureContext({ key: tls.key, cert: tls.cert })
      }
    }
  })

const answer = (stream: Http2.ServerHttp2Stream, act: ApnsAct): void => {
  if (act === "silence" || stream.destroyed) return
  if (act === "cut") return cut(stream)
  if (act === "refuse stream") return stream.close(Http2.constants.NGHTTP2_REFUSED_STREAM)
  const { body, headers = {}, reason, status = 200, timestamp } = act
  stream.respond({ ":status": status, "apns-id": randomUUID(), ...headers })
  stream.end(body ?? (reason === undefined ? "" : JSON.stringify({ reason, timestamp })))
}

const cut = ({ session }: Http2.ServerHttp2Stream): void => {
  if (session?.socket) session.socket.destroy()
  else session?.destroy()
}

const tokenIn = (path: string | undefined): string => {
  const encoded = /^\/3\/device\/([^/]+)$/.exec(path ?? "")?.[1] ?? ""
  try {
    return decodeURIComponent(encoded)
  } catch {
    return ""
  }
}

/** What is beyond the limit is not kept; it is much more than APNs takes. */
const readBody = async (stream: Http2.ServerHttp2Stream): Promise<string> => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= BODY_MAX) chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString("utf8")
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Bytes. */
const BODY_MAX = 1024 * 1024
