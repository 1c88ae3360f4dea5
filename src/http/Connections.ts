import type { Server as HttpServer } from "node:http"
import type { Server as HttpsServer } from "node:https"
import type { Server, Socket } from "node:net"
import type { LimitSettings } from "../../schemas/Settings.ts"
import type { LimitsShape } from "./Limits.ts"
import type { Asker } from "./SourceAddress.ts"

/**
 * Bounds how many connections a server has, of all and of one address that is no trusted proxy; those above are closed as
 * they come, before TLS. While more than four fifths are in use, connections without a request are kept for seconds instead
 * of minutes, so that there is room for whoever has something to say. To be called before anybody else listens.
 */
export const boundConnections = (
  server: HttpServer | HttpsServer,
  { addressConnections, connections }: Pick<LimitSettings, "connections" | "addressConnections">,
  limits: Pick<LimitsShape, "isProxy" | "keyOf" | "refused" | "sourceOf">,
  now: () => number
): void => {
  const ofAddress = new Map<string, number>()
  const usual = { keepAlive: server.keepAliveTimeout, headers: server.headersTimeout }
  let open = 0
  let sweptAt = Number.NEGATIVE_INFINITY

  const makeRoom = () => {
    const isTight = open > TIGHT * connections
    server.keepAliveTimeout = isTight ? Math.min(SHORT, usual.keepAlive) : usual.keepAlive
    server.headersTimeout = isTight ? Math.min(SHORT, usual.headers) : usual.headers
    if (open < FULL * connections || now() < sweptAt + SWEEP_EVERY) return
    sweptAt = now()
    server.closeIdleConnections()
  }

  const enter = (socket: Socket): boolean => {
    const asker = askerOf(socket.remoteAddress)
    const key = limits.isProxy(socket.remoteAddress) ? undefined : limits.keyOf(limits.sourceOf(asker))
    if (key !== undefined) {
      const others = ofAddress.get(key) ?? 0
      if (others >= addressConnections) {
        limits.refused("addressConnections", asker)
        return false
      }
      ofAddress.set(key, others + 1)
    }
    open++
    makeRoom()
    socket.once("close", () => {
      open--
      if (key !== undefined) {
        const left = (ofAddress.get(key) ?? 1) - 1
        if (left === 0) ofAddress.delete(key)
        else ofAddress.set(key, left)
      }
      makeRoom()
    })
    return true
  }

  server.maxConnections = connections
  server.on("drop", (data) => limits.refused("connections", askerOf(data?.remoteAddress)))
  // In place of Node's own, which would begin TLS or a parser for connections that are closed at once.
  const node = server.listeners("connection") as unknown as ReadonlyArray<
    (this: Server, socket: Socket) => void
  >
  server.removeAllListeners("connection")
  server.on("connection", (socket: Socket) => {
    if (!enter(socket)) socket.destroy()
    else for (const take of node) take.call(server, socket)
  })
}

const askerOf = (remoteAddress: string | undefined): Asker => ({ socket: { remoteAddress }, headers: {} })

/** Parts of the connections that are allowed. */
const TIGHT = 0.8
const FULL = 0.95
/** Milliseconds. */
const SHORT = 5_000
const SWEEP_EVERY = 5_000
