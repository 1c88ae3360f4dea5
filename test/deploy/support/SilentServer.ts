import { type AddressInfo, createServer, type Socket } from "node:net"
import { Effect, type Scope } from "effect"

/** The port of a server that takes connections and never says a word; it goes with the scope. */
export const silent: Effect.Effect<number, never, Scope.Scope> = Effect.acquireRelease(
  Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on("error", () => socket.destroy())
    })
    server.listen(0, "127.0.0.1", () =>
      resume(
        Effect.succeed({
          port: (server.address() as AddressInfo).port,
          close: () => {
            server.close()
            for (const socket of sockets) socket.destroy()
          }
        })
      )
    )
  }),
  ({ close }) => Effect.sync(close)
).pipe(Effect.map(({ port }) => port))
