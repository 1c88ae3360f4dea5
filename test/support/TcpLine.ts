import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Effect } from "effect"

/** The line to a server, which a test can cut. */
export interface TcpLine {
  readonly port: number
  /** What is open is cut off, and nobody gets through any more. */
  readonly cut: () => void
  readonly mend: () => void
}

/** A line to this server; it is gone with the scope. */
export const tcpLine = (host: string, port: number) =>
  Effect.acquireRelease(
    Effect.async<TcpLine & { readonly close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      let isCut = false
      const server = createServer((near) => {
        if (isCut) return void near.destroy()
        const far = connect(port, host)
        for (const [one, other] of [
          [near, far],
          [far, near]
        ] as const) {
          sockets.add(one)
          one.on("error", () => other.destroy())
          one.on("close", () => {
            sockets.delete(one)
            other.destroy()
          })
          one.pipe(other)
        }
      })
      const cut = () => {
        isCut = true
        for (const socket of sockets) socket.destroy()
      }
      server.listen(0, "127.0.0.1", () =>
        resume(
          Effect.succeed({
            port: (server.address() as AddressInfo).port,
            cut,
            mend: () => {
              isCut = false
            },
            close: () => {
              cut()
              server.close()
            }
          })
        )
      )
    }),
    ({ close }) => Effect.sync(close)
  )
