import { type KeyObject, verify } from "node:crypto"
import { once } from "node:events"
import * as Http2 from "node:http2"
import type { AddressInfo, Socket } from "node:net"
import { Effect } from "effect"

/** What APNs is asked for. */
export interface ApnsRequest {
  readonly token: string
  readonly headers: Http2.IncomingHttpHeaders
  readonly payload: unknown
}

/** What the stub does with a request: an answer, silence, the whole connection cut off, or one request refused. */
export type ApnsAct =
  | {
      readonly status?: number
      readonly headers?: Http2.OutgoingHttpHeaders
      /** APNs' own body: `{"reason":…,"timestamp":…}`. */
      readonly reason?: string
      readonly timestamp?: number
      /** Instead of that. */
      readonly body?: string
    }
  | "silence"
  | "cut"
  | "refuse stream"

export interface ApnsStub {
  readonly port: number
  /** Every request, in order, whatever the answer was. */
  readonly requests: ReadonlyArray<ApnsRequest>
  /** The requests that were answered with 200. */
  readonly delivered: ReadonlyArray<ApnsRequest>
  /** How many connections were made. */
  readonly connections: () => number
  /** How many of them are open. */
  readonly open: () => number
  /** How many requests were under way at once, at most. */
  readonly concurrency: () => number
  /** Says goodbye on all connections: what is under way is still answered. */
  readonly goaway: () => void
  /** So many requests may be under way on a connection from now on. */
  readonly allow: (streams: number) => void
  /** From now on another certificate. */
  readonly present: (certificate: Certificate) => void
  /** Answers so from now on. */
  act: (request: ApnsRequest) => ApnsAct | Promise<ApnsAct>
}

export interface Certificate {
  readonly key: string
  readonly cert: string
}

export interface ApnsStubOptions {
  readonly port?: number
  readonly tls: Certificate
  /** Public keys that are accepted, by key id; without it every token is. */
  readonly keys?: Readonly<Record<string, { readonly teamId: string; readonly key: KeyObject }>>
  /** Requests under way at once on a connection. */
  readonly streams?: number
}

export const delivered: ApnsAct = {}

/** An APNs on loopback, HTTP/2 over TLS, that checks a request's form as Apple does and then does as the test says. */
export const make = ({ keys, port = 0, streams = 1_000, tls }: ApnsStubOptions) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const requests: Array<ApnsRequest> = []
      const taken: Array<ApnsRequest> = []
      const sessions = new Set<Http2.ServerHttp2Session>()
      const sockets = new Set<Socket>()
      let connections = 0
      let now = 0
      let most = 0
      const server = Http2.createSecureServer({
        key: tls.key,
        cert: tls.cert,
        settings: { maxConcurrentStreams: streams }
      })
      server.on("connection", (socket: Socket) => {
        connections++
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket))
      })
      server.on("session", (session) => {
        sessions.add(session)
        session.on("error", () => {})
        session.on("close", () => sessions.delete(session))
      })
      server.on("sessionError", () => {})
      server.on("tlsClientError", () => {})
      server.on("stream", async (stream, headers) => {
        stream.on("error", () => {})
        stream.on("close", () => now--)
        most = Math.max(most, ++now)
        const chunks: Array<Buffer> = []
        try {
          for await (const chunk of stream) chunks.push(chunk as Buffer)
        } catch {
          return
        }
        const text = Buffer.concat(chunks).toString("utf8")
        const token = decodeURIComponent(/^\/3\/device\/([^/]+)$/.exec(headers[":path"] ?? "")?.[1] ?? "")
        const request = { token, headers, payload: JSON.parse(text) as unknown }
        requests.push(request)
        const act = faultOf(request, text, keys) ?? (await stub.act(request))
        if (act === "silence" || stream.destroyed) return
        if (act === "cut") return stream.session?.socket?.destroy() ?? stream.session?.destroy()
        if (act === "refuse stream") return stream.close(Http2.constants.NGHTTP2_REFUSED_STREAM)
        const { body, headers: more = {}, reason, status = 200, timestamp } = act
        if (status === 200 && body === undefined) taken.push(request)
        stream.respond({ ":status": status, "apns-id": crypto.randomUUID(), ...more })
        stream.end(body ?? (reason === undefined ? "" : JSON.stringify({ reason, timestamp })))
      })
      server.listen(port, "127.0.0.1")
      await once(server, "listening")
      const stub: ApnsStub = {
        port: (server.address() as AddressInfo).port,
        requests,
        delivered: taken,
        connections: () => connections,
        open: () => sockets.size,
        concurrency: () => most,
        goaway: () => {
          for (const session of sessions) session.goaway()
        },
        allow: (streams) => {
          for (const session of sessions) session.settings({ maxConcurrentStreams: streams })
        },
        present: (certificate) => server.setSecureContext(certificate),
        act: () => delivered
      }
      return { stub, server, sockets }
    }),
    ({ server, sockets }) =>
      Effect.promise(async () => {
        for (const socket of sockets) socket.destroy()
        server.close()
        if (server.listening) await once(server, "close")
      })
  ).pipe(Effect.map(({ stub }) => stub))

/** What Apple says of a request that is wrong in itself. */
const faultOf = (
  { headers, token }: ApnsRequest,
  text: string,
  keys: ApnsStubOptions["keys"]
): ApnsAct | undefined => {
  if (headers[":method"] !== "POST") return { status: 405, reason: "MethodNotAllowed" }
  if (token === "") return { status: 404, reason: "BadPath" }
  const forbidden = credentialFault(headers.authorization, keys)
  if (forbidden) return { status: 403, reason: forbidden }
  if (!headers["apns-topic"]) return { status: 400, reason: "MissingTopic" }
  const silent = headers["apns-push-type"] === "background"
  if (!silent && headers["apns-push-type"] !== "alert") return { status: 400, reason: "InvalidPushType" }
  const priority = String(headers["apns-priority"])
  if (!/^(?:1|5|10)$/.test(priority) || (silent && priority === "10"))
    return { status: 400, reason: "BadPriority" }
  if (Buffer.byteLength(String(headers["apns-collapse-id"] ?? "")) > 64)
    return { status: 400, reason: "BadCollapseId" }
  if (!/^\d+$/.test(String(headers["apns-expiration"]))) return { status: 400, reason: "BadExpirationDate" }
  return Buffer.byteLength(text) > 4096 ? { status: 413, reason: "PayloadTooLarge" } : undefined
}

const credentialFault = (
  authorization: string | undefined,
  keys: ApnsStubOptions["keys"]
): string | undefined => {
  const [head, claims, signature] = /^bearer (.+)$/.exec(authorization ?? "")?.[1]?.split(".") ?? []
  if (!head || !claims || !signature) return "MissingProviderToken"
  if (keys === undefined) return undefined
  const { alg, kid } = JSON.parse(Buffer.from(head, "base64url").toString()) as { alg: string; kid: string }
  const { iat, iss } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { iat: number; iss: string }
  const known = keys[kid]
  const signed = Buffer.from(`${head}.${claims}`)
  const genuine =
    alg === "ES256" &&
    known?.teamId === iss &&
    verify(
      "sha256",
      signed,
      { key: known.key, dsaEncoding: "ieee-p1363" },
      Buffer.from(signature, "base64url")
    )
  if (!genuine) return "InvalidProviderToken"
  return Math.abs(Date.now() / 1000 - iat) > 3_600 ? "ExpiredProviderToken" : undefined
}
