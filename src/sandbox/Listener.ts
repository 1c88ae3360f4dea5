import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createTlsServer, Server as TlsServer } from "node:https"
import { Effect, type Scope } from "effect"
import { type CannotListen, type ServerPort, takePort } from "./ServerPort.ts"

export { CannotListen } from "./ServerPort.ts"

/** Where a stand-in listens. Port 0 takes a free one; with `tls` it speaks https. */
export interface ListenerOptions {
  readonly host?: string
  readonly port?: number
  readonly tls?: TlsOptions
  /** Milliseconds that its clock is ahead of ours, as the header `Date` of its answers shows (default 0). */
  readonly ahead?: number
}

/** PEM. With `clientCa` clients have to show a certificate that it signed. */
export interface TlsOptions {
  readonly key: string
  readonly cert: string
  readonly clientCa?: string
}

export interface Listener extends ServerPort {
  /** `http://host:port`, without a trailing slash; stays the same over `down` and `up`. */
  readonly url: string
  /** From now on another certificate, if it speaks https. */
  readonly present: (tls: TlsOptions) => void
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Serves `handler` until the scope closes; closing cuts open connections instead of waiting for them. */
export const listen = (
  options: ListenerOptions,
  handler: Handler
): Effect.Effect<Listener, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const host = options.host ?? "127.0.0.1"
    let { tls } = options
    let server: Server | undefined
    const port = yield* takePort(host, options.port ?? 0, () => {
      const told = telling(options.ahead ?? 0, handler)
      server = tls === undefined ? createServer(told) : createTlsServer(secured(tls), told)
      server.keepAliveTimeout = KEEP_ALIVE
      return server
    })
    return {
      ...port,
      url: urlOf(tls === undefined ? "http" : "https", host, port.port),
      present: (certificate) => {
        if (!(server instanceof TlsServer)) return
        tls = certificate
        server.setSecureContext(secured(certificate))
      }
    }
  })

const telling = (ahead: number, handler: Handler): Handler =>
  ahead === 0
    ? handler
    : (request, response) => {
        response.setHeader("date", new Date(Date.now() + ahead).toUTCString())
        handler(request, response)
      }

/** Without a trailing slash. */
export const urlOf = (scheme: "http" | "https", host: string, port: number): string =>
  `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`

const secured = ({ key, cert, clientCa }: TlsOptions) =>
  clientCa === undefined
    ? { key, cert }
    : { key, cert, ca: clientCa, requestCert: true, rejectUnauthorized: true }

/** As IIS: idle connections live for two minutes. */
const KEEP_ALIVE = 120_000

/** The whole body as text, or undefined above `limit` bytes or when the client hung up. */
export const readBody = (request: IncomingMessage, limit: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    const chunks: Array<Buffer> = []
    let size = 0
    request.on("data", (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) chunks.push(chunk)
      else resolve(undefined)
    })
    request.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")))
    request.on("error", () => resolve(undefined))
    request.on("close", () => resolve(undefined))
  })

/** Answers JSON. */
export const sendJson = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {}
): void => {
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, { "content-type": "application/json", ...headers })
  response.end(`${JSON.stringify(body)}\n`)
}
