import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import { Effect, Schema, type Scope } from "effect"

/** A stand-in could not take its address: the port is in use, or not allowed. */
export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  host: Schema.String,
  port: Schema.Number,
  reason: Schema.String
}) {
  override get message() {
    return `cannot listen on ${this.host}:${this.port} (${this.reason}); choose another port`
  }
}

/** Where a stand-in listens. Port 0 takes a free one; with `tls` it speaks https. */
export interface ListenerOptions {
  readonly host?: string
  readonly port?: number
  readonly tls?: TlsOptions
}

/** PEM. With `clientCa` clients have to show a certificate that it signed. */
export interface TlsOptions {
  readonly key: string
  readonly cert: string
  readonly clientCa?: string
}

export interface Listener {
  /** `http://host:port`, without a trailing slash; stays the same over `down` and `up`. */
  readonly url: string
  readonly port: number
  /** Stops listening and cuts every connection: from now on clients are refused. */
  readonly down: Effect.Effect<void>
  /** Listens again on the same port. */
  readonly up: Effect.Effect<void, CannotListen>
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Serves `handler` until the scope closes; closing cuts open connections instead of waiting for them. */
export const listen = (
  options: ListenerOptions,
  handler: Handler
): Effect.Effect<Listener, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const host = options.host ?? "127.0.0.1"
    let server = yield* start(options, host, options.port ?? 0, handler)
    const port = (server.address() as AddressInfo).port
    yield* Effect.addFinalizer(() => stop(server))
    return {
      url: `${options.tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
      port,
      down: Effect.suspend(() => stop(server)),
      up: Effect.gen(function* () {
        if (server.listening) return
        server = yield* start(options, host, port, handler)
      })
    }
  })

const start = (options: ListenerOptions, host: string, port: number, handler: Handler) =>
  Effect.async<Server, CannotListen>((resume) => {
    const server =
      options.tls === undefined ? createServer(handler) : createTlsServer(secured(options.tls), handler)
    server.keepAliveTimeout = KEEP_ALIVE
    server.once("error", (error) => resume(new CannotListen({ host, port, reason: error.message })))
    server.listen(port, host, () => resume(Effect.succeed(server)))
  })

const secured = ({ key, cert, clientCa }: TlsOptions) =>
  clientCa === undefined
    ? { key, cert }
    : { key, cert, ca: clientCa, requestCert: true, rejectUnauthorized: true }

/** As IIS: idle connections live for two minutes. */
const KEEP_ALIVE = 120_000

const stop = (server: Server) =>
  Effect.async<void>((resume) => {
    if (!server.listening) return resume(Effect.void)
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

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
