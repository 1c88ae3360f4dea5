import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { Effect } from "effect"

/** So many ports of 127.0.0.1 that nothing listens on at the moment. */
export const freePorts = (count: number): Effect.Effect<ReadonlyArray<number>> =>
  Effect.forEach(Array.from({ length: count }), () => Effect.scoped(Effect.map(heldPort, (port) => port)), {
    concurrency: count
  })

const heldPort = Effect.acquireRelease(
  Effect.async<ReturnType<typeof createServer>>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
).pipe(Effect.map((server) => (server.address() as AddressInfo).port))
