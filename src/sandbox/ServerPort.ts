import type { AddressInfo, Server, Socket } from "node:net"
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

/** A port on which a server listens, or for a while does not. */
export interface ServerPort {
  readonly port: number
  /** Connections so far. */
  readonly connections: () => number
  /** Those that are open. */
  readonly open: () => number
  /** Stops listening and cuts every connection: from now on clients are refused. */
  readonly down: Effect.Effect<void>
  /** Listens again on the same port. */
  readonly up: Effect.Effect<void, CannotListen>
}

/**
 * Listens with a server that `create` makes, one each time, until the scope closes; closing cuts open connections instead
 * of waiting for them. Port 0 takes a free one.
 */
export const takePort = (
  host: string,
  port: number,
  create: () => Server
): Effect.Effect<ServerPort, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    let connections = 0
    const start = (port: number) =>
      Effect.async<Server, CannotListen>((resume) => {
        const server = create()
        server.on("connection", (socket: Socket) => {
          connections += 1
          sockets.add(socket)
          socket.once("close", () => sockets.delete(socket))
        })
        server.once("error", (error) => resume(new CannotListen({ host, port, reason: error.message })))
        server.listen(port, host, () => resume(Effect.succeed(server)))
      })
    const stop = (server: Server) =>
      Effect.async<void>((resume) => {
        if (!server.listening) return resume(Effect.void)
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })

    let server = yield* start(port)
    const taken = (server.address() as AddressInfo).port
    yield* Effect.addFinalizer(() => stop(server))
    return {
      port: taken,
      connections: () => connections,
      open: () => sockets.size,
      down: Effect.suspend(() => stop(server)),
      up: Effect.gen(function* () {
        if (!server.listening) server = yield* start(taken)
      })
    }
  })
