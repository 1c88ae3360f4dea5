import { Server as HttpsServer } from "node:https"
import type { Server, Socket } from "node:net"
import type { Rate } from "../../schemas/Settings.ts"
import type { LimitsShape } from "./Limits.ts"
import type { Asker } from "./SourceAddress.ts"
import { TokenBuckets } from "./TokenBuckets.ts"

/**
 * Closes new connections of an address that opens too many in a time, and is no trusted proxy, before TLS begins: a handshake
 * is dear, and who breaks it off after our half of the work is soon no connection any more. A server without TLS stays as it
 * is. To be called after whoever else decides about new connections, so that it comes before him.
 */
export const paceHandshakes = (
  server: Server,
  rate: Rate | undefined,
  limits: Pick<LimitsShape, "isProxy" | "keyOf" | "refused" | "sourceOf">,
  now: () => number
): void => {
  if (rate === undefined || !(server instanceof HttpsServer)) return
  const ofAddress = new TokenBuckets(rate)
  const isTooMuch = ({ remoteAddress }: Socket): boolean => {
    if (limits.isProxy(remoteAddress)) return false
    const asker: Asker = { socket: { remoteAddress }, headers: {} }
    if (ofAddress.take(limits.keyOf(limits.sourceOf(asker)), now()) === 0) return false
    limits.refused("handshakes", asker)
    return true
  }
  const others = server.listeners("connection") as unknown as ReadonlyArray<
    (this: Server, socket: Socket) => void
  >
  server.removeAllListeners("connection")
  server.on("connection", (socket: Socket) => {
    if (isTooMuch(socket)) socket.destroy()
    else for (const take of others) take.call(server, socket)
  })
}
