import { createSocket } from "node:dgram"
import { Effect, type Scope } from "effect"

/** A syslog server (UDP, loopback) that keeps what comes; it goes with the scope. */
export const syslog: Effect.Effect<
  { readonly port: number; readonly text: () => string },
  never,
  Scope.Scope
> = Effect.acquireRelease(
  Effect.async<{ readonly port: number; readonly text: () => string; readonly close: () => void }>(
    (resume) => {
      const lines: Array<string> = []
      const socket = createSocket("udp4", (message) => lines.push(message.toString("utf8")))
      socket.bind(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            port: socket.address().port,
            text: () => lines.join("\n"),
            close: () => socket.close()
          })
        )
      )
    }
  ),
  ({ close }) => Effect.sync(close)
)
