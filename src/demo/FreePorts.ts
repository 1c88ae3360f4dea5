import { randomInt } from "node:crypto"
import { createServer, type Server } from "node:net"
import { Effect, Schedule } from "effect"

/**
 * So many ports of 127.0.0.1 that nothing listens on at the moment. They lie below those that systems give to outgoing
 * connections (32768 up on Linux, 49152 up elsewhere), so that none is taken until somebody listens on it.
 */
export const freePorts = (count: number): Effect.Effect<ReadonlyArray<number>> =>
  // All are held at once, so that no two are the same.
  Effect.scoped(Effect.all(Array.from({ length: count }, () => heldPort)))

const FIRST = 20_000
const END = 32_000

const heldPort = Effect.acquireRelease(
  Effect.retry(
    Effect.suspend(() => listening(randomInt(FIRST, END))),
    Schedule.recurs(1_000)
  ).pipe(Effect.orDie),
  ({ server }) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
).pipe(Effect.map(({ port }) => port))

const listening = (port: number) =>
  Effect.async<{ readonly server: Server; readonly port: number }, Error>((resume) => {
    const server = createServer()
    server.once("error", (error) => resume(Effect.fail(error)))
    server.listen(port, "127.0.0.1", () => resume(Effect.succeed({ server, port })))
  })
