import { once } from "node:events"
import * as Http from "node:http"
import * as Https from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { TLSSocket } from "node:tls"
import { Effect, Schema } from "effect"
import { type CnsNotification, CnsRequest } from "../../schemas/Cns.ts"

/** What the stub does with a request: an answer, silence, or a connection cut off. */
export type CnsAct =
  | { readonly status?: number; readonly headers?: Http.OutgoingHttpHeaders; readonly body?: unknown }
  | "silence"
  | "cut"

export interface CnsStub {
  readonly url: string
  /** Every request, in order, whatever the answer was. */
  readonly requests: ReadonlyArray<{
    readonly headers: Http.IncomingHttpHeaders
    readonly url: string
    readonly notifications: ReadonlyArray<CnsNotification>
    /** Common name of the certificate that the client has shown. */
    readonly client: string | undefined
  }>
  /** The notifications of the requests that were answered with `success`. */
  readonly delivered: ReadonlyArray<CnsNotification>
  /** How many connections were made. */
  readonly connections: () => number
  /** From now on another certificate (https only). */
  readonly present: (certificate: Certificate) => void
  /** Answers so from now on. A body that is no string is sent as JSON. */
  act: (notifications: ReadonlyArray<CnsNotification>) => CnsAct
}

export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** With `clientCa` clients must show a certificate that it has signed. */
export interface StubTls extends Certificate {
  readonly clientCa?: string
}

export const success: CnsAct = { body: { status: "success", errorReason: null } }

const demanding = ({ cert, clientCa, key }: StubTls): Https.ServerOptions =>
  clientCa === undefined
    ? { cert, key }
    : { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: true }

const commonName = (socket: Socket): string | undefined => {
  if (!(socket instanceof TLSSocket)) return undefined
  const name = socket.getPeerCertificate().subject?.CN
  return Array.isArray(name) ? name[0] : name
}

const decode = Schema.decodeUnknownSync(Schema.parseJson(CnsRequest))

/** A CNS on loopback that checks the body's form and does as the test says; https with `tls`. */
export const make = ({ port = 0, tls }: { readonly port?: number; readonly tls?: StubTls } = {}) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const requests: Array<CnsStub["requests"][number]> = []
      const delivered: Array<CnsNotification> = []
      const onRequest: Http.RequestListener = async (request, response) => {
        const chunks: Array<Buffer> = []
        for await (const chunk of request) chunks.push(chunk)
        const { notifications } = decode(Buffer.concat(chunks).toString("utf8"))
        const { headers, url = "" } = request
        requests.push({ headers, url, notifications, client: commonName(request.socket) })
        const act = stub.act(notifications)
        if (act === success) delivered.push(...notifications)
        if (act === "cut") request.socket.destroy()
        else if (act !== "silence") {
          const { body = "", headers = {}, status = 200 } = act
          response.writeHead(status, headers)
          response.end(typeof body === "string" ? body : JSON.stringify(body))
        }
      }
      const server = tls ? Https.createServer(demanding(tls), onRequest) : Http.createServer(onRequest)
      let connections = 0
      server.on("connection", () => connections++)
      server.listen(port, "127.0.0.1")
      await once(server, "listening")
      const bound = (server.address() as AddressInfo).port
      const stub: CnsStub = {
        url: `${tls ? "https" : "http"}://127.0.0.1:${bound}/nws/notify/apns`,
        requests,
        delivered,
        connections: () => connections,
        present: (certificate) => {
          if (server instanceof Https.Server) server.setSecureContext(certificate)
        },
        act: () => success
      }
      return { stub, server }
    }),
    ({ server }) =>
      Effect.promise(async () => {
        server.closeAllConnections()
        server.close()
        if (server.listening) await once(server, "close")
      })
  ).pipe(Effect.map(({ stub }) => stub))
