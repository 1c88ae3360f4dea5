import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import { createServer as createTlsServer, type ServerOptions } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { Deferred, Effect, type Scope } from "effect"

export interface ReceivedRequest {
  readonly url: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
  /** Number of the connection that it came over, from 1. */
  readonly connection: number
}

/** What the server does with a request. */
export type Step = (response: ServerResponse, request: ReceivedRequest) => void

/** Answers at once. */
export const say =
  (
    status: number,
    body: string | Uint8Array = "",
    headers: Record<string, string | Array<string>> = {}
  ): Step =>
  (response) =>
    response.writeHead(status, headers).end(body)

export interface ScriptedServer {
  readonly origin: string
  /** Steps for the next requests; the last one stays in force. */
  readonly script: (...steps: ReadonlyArray<Step>) => void
  readonly requests: Array<ReceivedRequest>
  /** The most requests that were open at a time. */
  readonly concurrent: () => number
  readonly connections: () => number
  /** Waits until so many requests have come. */
  readonly received: (count: number) => Effect.Effect<void>
  /** Waits until so many of all connections are closed. */
  readonly hungUp: (count: number) => Effect.Effect<void>
}

/** An HTTP server on loopback that does what the test says, for as long as the scope lives. */
export const scriptedServer: Effect.Effect<ScriptedServer, never, Scope.Scope> = Effect.suspend(() => make())

/** The same over TLS. */
export const scriptedTlsServer = (
  options: ServerOptions
): Effect.Effect<ScriptedServer, never, Scope.Scope> => make(options)

const make = Effect.fnUntraced(function* (tls?: ServerOptions) {
  let steps: Array<Step> = [say(200)]
  let open = 0
  let concurrent = 0
  let connections = 0
  let closed = 0
  const requests: Array<ReceivedRequest> = []
  const numbers = new WeakMap<object, number>()
  const waiting: Array<{ readonly when: () => boolean; readonly then: Deferred.Deferred<void> }> = []
  const notice = () => {
    for (const { then, when } of waiting) if (when()) Deferred.unsafeDone(then, Effect.void)
  }
  const until = (when: () => boolean) =>
    Effect.flatMap(Deferred.make<void>(), (then) => {
      waiting.push({ when, then })
      notice()
      return Deferred.await(then)
    })

  const serve: RequestListener = async (request, response) => {
    concurrent = Math.max(concurrent, ++open)
    response.on("close", () => open--)
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk)
    const received: ReceivedRequest = {
      url: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks).toString("utf8"),
      connection: numbers.get(request.socket) ?? 0
    }
    requests.push(received)
    const step = steps.length > 1 ? steps.shift() : steps[0]
    step?.(response, received)
    notice()
  }
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
  server.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    numbers.set(socket, ++connections)
    socket.on("close", () => {
      closed++
      notice()
    })
  })
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return {
    origin: `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    script: (...next) => {
      steps = [...next]
    },
    requests,
    concurrent: () => concurrent,
    connections: () => connections,
    received: (count) => until(() => requests.length >= count),
    hungUp: (count) => until(() => closed >= count)
  } satisfies ScriptedServer
})
