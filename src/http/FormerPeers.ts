import type { IncomingMessage, RequestListener, ServerResponse } from "node:http"
import type { Server } from "node:https"
import type { Socket } from "node:net"

/** Connections whose client certificate was checked when they began: no file that is replaced later reaches them. */
export interface FormerPeers {
  /** The listener, but for requests on connections that were ended. */
  readonly listener: RequestListener
  /** To be called once, when the server is there. */
  readonly watch: (server: Server) => void
  /**
   * Ends all connections: those that wait at once, the others with the answer that they are owed. What is asked on one of them
   * afterwards is not answered, as if it had crossed the closing.
   */
  readonly end: () => void
}

export const formerPeers = (listener: RequestListener): FormerPeers => {
  const ended = new WeakSet<Socket>()
  const open = new Set<Socket>()
  const owed = new Set<ServerResponse>()
  let closeIdle = () => {}
  return {
    listener: (request: IncomingMessage, response: ServerResponse) => {
      if (ended.has(request.socket)) {
        request.socket.destroy()
        return
      }
      owed.add(response)
      response.once("close", () => owed.delete(response))
      listener(request, response)
    },
    watch: (server) => {
      closeIdle = () => server.closeIdleConnections()
      server.on("secureConnection", (socket) => {
        open.add(socket)
        socket.once("close", () => open.delete(socket))
      })
    },
    end: () => {
      for (const socket of open) ended.add(socket)
      for (const response of owed) response.shouldKeepAlive = false
      closeIdle()
    }
  }
}
