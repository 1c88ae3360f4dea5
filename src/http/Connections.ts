import type { Server as HttpServer } from "node:http"
import { Server as HttpsServer } from "node:https"
import type { Server, Socket } from "node:net"
import type { LimitSettings } from "../../schemas/Settings.ts"
import { type Crowd, Guest } from "./Guest.ts"
import type { LimitsShape } from "./Limits.ts"
import type { Asker } from "./SourceAddress.ts"
import { TokenBuckets } from "./TokenBuckets.ts"

/**
 * Bounds how many connections a server has, of all and of one address that is no trusted proxy. Where there are as many
 * already, the oldest that has proven nothing (see `vouchFor`) makes room for the newcomer, so that nobody keeps others out
 * with connections that say nothing; where all have proven something, the newcomer is closed before TLS.
 *
 * Where TLS is spoken, so is one of an address that has no proven connection and opens them faster than `handshakes`: a
 * handshake costs more than a request, and who breaks it off after our half of the work is soon no connection any more.
 * Those that prove something afterwards do not count.
 *
 * While more than four fifths are in use, connections without a request are kept for seconds instead of minutes. To be
 * called before anybody else listens.
 */
export const boundConnections = (
  server: HttpServer | HttpsServer,
  {
    addressConnections,
    connections,
    handshakes
  }: Pick<LimitSettings, "connections" | "addressConnections" | "handshakes">,
  limits: Pick<LimitsShape, "isProxy" | "keyOf" | "refused" | "sourceOf">,
  now: () => number
): void => {
  const ofAddress = new Map<string, Crowd>()
  const all: Crowd = { open: 0, unproven: new Set() }
  const begun = new TokenBuckets(server instanceof HttpsServer ? handshakes : undefined)
  const usual = { keepAlive: server.keepAliveTimeout, headers: server.headersTimeout }
  let sweptAt = Number.NEGATIVE_INFINITY

  const hurry = () => {
    const isTight = all.open > TIGHT * connections
    server.keepAliveTimeout = isTight ? Math.min(SHORT, usual.keepAlive) : usual.keepAlive
    server.headersTimeout = isTight ? Math.min(SHORT, usual.headers) : usual.headers
  }

  /** Where nearly all have proven something, those between two requests have to go, or newcomers would cut each other. */
  const sweep = () => {
    if (all.open < FULL * connections || all.unproven.size > (1 - FULL) * connections) return
    if (now() < sweptAt + SWEEP_EVERY) return
    sweptAt = now()
    server.closeIdleConnections()
  }

  const hasRoom = (
    crowd: Crowd,
    most: number,
    limit: "connections" | "addressConnections",
    asker: Asker
  ): boolean => {
    if (crowd.open < most) return true
    const [oldest] = crowd.unproven
    limits.refused(limit, oldest?.asker ?? asker)
    oldest?.cut()
    return oldest !== undefined
  }

  const enter = (socket: Socket): boolean => {
    const asker: Asker = { socket: { remoteAddress: socket.remoteAddress }, headers: {} }
    const key = limits.isProxy(socket.remoteAddress) ? undefined : limits.keyOf(limits.sourceOf(asker))
    const same: Crowd | undefined =
      key === undefined ? undefined : (ofAddress.get(key) ?? { open: 0, unproven: new Set() })
    if (key !== undefined && same !== undefined && same.open === same.unproven.size) {
      if (begun.wait(key, now()) > 0) {
        limits.refused("handshakes", asker)
        return false
      }
    }
    if (same !== undefined && !hasRoom(same, addressConnections, "addressConnections", asker)) return false
    sweep()
    if (!hasRoom(all, connections, "connections", asker)) return false
    if (key !== undefined && same !== undefined) ofAddress.set(key, same)
    if (key !== undefined) begun.take(key, now())
    const guest = new Guest(socket, asker, same === undefined ? [all] : [all, same], () => {
      if (key !== undefined) begun.giveBack(key, now())
    })
    hurry()
    if (server instanceof HttpsServer) expectSecure(guest, socket)
    socket.once("close", () => {
      guest.leave()
      if (key !== undefined && same?.open === 0 && ofAddress.get(key) === same) ofAddress.delete(key)
      hurry()
    })
    return true
  }

  /** Requests over TLS name another socket, and nothing but the peer tells whose it is. */
  const handshaking = new Map<string, Guest>()
  const expectSecure = (guest: Guest, socket: Socket) => {
    const peer = peerOf(socket)
    handshaking.set(peer, guest)
    socket.once("close", () => {
      if (handshaking.get(peer) === guest) handshaking.delete(peer)
    })
  }
  server.prependListener("secureConnection", (socket: Socket) => {
    const peer = peerOf(socket)
    handshaking.get(peer)?.comesOver(socket)
    handshaking.delete(peer)
  })

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

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`

/** Parts of the connections that are allowed. */
const TIGHT = 0.8
const FULL = 0.95
/** Milliseconds. */
const SHORT = 5_000
const SWEEP_EVERY = 5_000
