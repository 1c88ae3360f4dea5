import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Deferred, Effect, FiberId, type Scope } from "effect"

/** What the proxy does with a CONNECT: answers, opens the tunnel to a port of 127.0.0.1, or says nothing. */
export type ProxyStep =
  | { readonly _tag: "Say"; readonly text: string; readonly close: boolean }
  | { readonly _tag: "Tunnel"; readonly port: number }
  | { readonly _tag: "Wait" }

export const answer = (text: string): ProxyStep => ({ _tag: "Say", text, close: false })
export const answerAndClose = (text: string): ProxyStep => ({ _tag: "Say", text, close: true })
export const tunnel = (port: number): ProxyStep => ({ _tag: "Tunnel", port })
export const wait: ProxyStep = { _tag: "Wait" }

/** A CONNECT that came. */
export interface Asked {
  /** `CONNECT host:port HTTP/1.1` */
  readonly line: string
  readonly authorization: string | undefined
  /** Number of the connection that it came over, from 1. */
  readonly connection: number
}

export interface ScriptedProxy {
  readonly port: number
  readonly asked: Array<Asked>
  /** Waits until all connections to it are closed. */
  readonly idle: Effect.Effect<void>
}

/** A proxy on loopback that does what the test says with one CONNECT after the other. */
export const scriptedProxy = (
  step: (asked: Asked, count: number) => ProxyStep
): Effect.Effect<ScriptedProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const asked: Array<Asked> = []
    const open = new Set<Socket>()
    const waiting: Array<Deferred.Deferred<void>> = []
    let connections = 0
    const closed = (socket: Socket) => {
      open.delete(socket)
      if (open.size === 0) for (const one of waiting.splice(0)) Deferred.unsafeDone(one, Effect.void)
    }
    const server = createServer((socket) => {
      const connection = ++connections
      open.add(socket)
      socket.on("error", () => {}).on("close", () => closed(socket))
      let received = ""
      const listen = (chunk: Buffer) => {
        received += chunk.toString("latin1")
        const end = received.indexOf("\r\n\r\n")
        if (end < 0) return
        const [line = "", ...fields] = received.slice(0, end).split("\r\n")
        received = received.slice(end + 4)
        const authorization = fields.find((field) => /^proxy-authorization:/i.test(field))?.slice(21)
        asked.push({ line, authorization, connection })
        const next = step(asked.at(-1)!, asked.length)
        if (next._tag === "Say") {
          socket.write(next.text)
          if (next.close) socket.end()
        }
        if (next._tag === "Tunnel") {
          socket.off("data", listen)
          const target = connect({ host: "127.0.0.1", port: next.port }, () => {
            socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
            socket.pipe(target).pipe(socket)
          })
          target.on("error", () => socket.destroy())
          socket.on("close", () => target.destroy())
        }
      }
      socket.on("data", listen)
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of open) socket.destroy()
        })
    )
    return {
      port: (server.address() as AddressInfo).port,
      asked,
      idle: Effect.suspend(() => {
        if (open.size === 0) return Effect.void
        const done = Deferred.unsafeMake<void>(FiberId.none)
        waiting.push(done)
        return Deferred.await(done)
      })
    }
  })
