import { randomInt } from "node:crypto"
import { createServer, type Server } from "node:net"
import { Effect, type Scope } from "effect"

/** Listens where nobody has any business, and tells whether somebody came. */
export interface Canary {
  /** A loopback address of its own. */
  readonly address: string
  /** Ports that it could listen on: 443 and 80, if the machine lets us, and one that is free. */
  readonly ports: ReadonlyArray<number>
  /** The last of them. */
  readonly port: number
  /** Connections so far. */
  readonly visits: () => number
  /** Bytes that came over them. */
  readonly bytes: () => number
}

/** On an address of its own, so that tests which run at the same time do not meet. */
export const makeCanary: Effect.Effect<Canary, never, Scope.Scope> = Effect.gen(function* () {
  const address = `127.${randomInt(2, 250)}.${randomInt(2, 250)}.${randomInt(2, 250)}`
  let visits = 0
  let bytes = 0
  const ports: Array<number> = []
  for (const wanted of [443, 80, 0]) {
    const server = createServer((socket) => {
      visits += 1
      socket.on("data", (data) => {
        bytes += data.length
      })
      socket.on("error", () => {})
    })
    const port = yield* Effect.acquireRelease(listening(server, wanted, address), () => closed(server))
    if (port === undefined) {
      console.warn(
        `[WEAKER] port ${wanted} of ${address} cannot be listened on: connections there are not counted`
      )
    } else ports.push(port)
  }
  return { address, ports, port: ports.at(-1) ?? 0, visits: () => visits, bytes: () => bytes }
})

const listening = (server: Server, port: number, address: string): Effect.Effect<number | undefined> =>
  Effect.async((resume) => {
    server.once("error", () => resume(Effect.succeed(undefined)))
    server.listen(port, address, () => {
      const bound = server.address()
      resume(Effect.succeed(typeof bound === "object" && bound !== null ? bound.port : undefined))
    })
  })

const closed = (server: Server): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (!server.listening) return resume(Effect.void)
    server.close(() => resume(Effect.void))
  })
