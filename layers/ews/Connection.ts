import type { Socket } from "node:net"
import { type buildConnector, Client } from "undici"

/** Bounds of a connection, in milliseconds and bytes. */
export interface ConnectionLimits {
  /** Longest silence of a host: until the answer begins, and between its pieces. */
  readonly silence: number
  /** How long a connection without a call is kept; shorter than IIS keeps it (2 minutes), because a race costs a call. */
  readonly keepAlive: number
  /** Bytes of an answer's body. */
  readonly answer: number
}

/**
 * A client for one origin that has at most one socket at a time, and knows which: what a server remembers of a client, an
 * NTLM log-in above all, it remembers of the socket.
 */
export class Connection {
  readonly client: Client
  /** Tells connections of one origin apart that must not stand in for each other. */
  readonly kind: string
  /** Who logged in on this socket has it for himself, and it is never kept for another. */
  #loggedIn: Socket | undefined
  #socket: Socket | undefined
  #clings = false
  readonly #end = new AbortController()

  /** `connector`: makes sockets until the signal ends what is being made. */
  constructor(
    origin: string,
    kind: string,
    connector: (signal: AbortSignal) => buildConnector.connector,
    limits: ConnectionLimits
  ) {
    const connect = connector(this.#end.signal)
    this.kind = kind
    this.client = new Client(origin, {
      connect: (target, callback) =>
        connect(target, (...[error, socket]) => {
          if (error !== null) return callback(error, null)
          this.#socket = socket
          callback(null, socket)
        }),
      pipelining: 1,
      headersTimeout: limits.silence,
      bodyTimeout: limits.silence,
      keepAliveTimeout: limits.keepAlive,
      keepAliveMaxTimeout: limits.keepAlive,
      maxResponseSize: limits.answer
    })
    this.client.on("disconnect", () => {
      this.#socket = undefined
      this.#loggedIn = undefined
    })
  }

  /** The socket that it stands on now, if there is one. */
  get socket(): Socket | undefined {
    return this.#socket
  }

  /** Whether the server knows from an earlier request on this socket who the client is. */
  get isLoggedIn(): boolean {
    return this.#loggedIn !== undefined && this.#loggedIn === this.#socket
  }

  /** From now on it belongs to one user, for as long as it exists. */
  cling(): void {
    this.#clings = true
  }

  /** The log-in on its socket has succeeded. */
  loggedIn(): void {
    this.#loggedIn = this.#socket
  }

  /** Whether another user's request may go over it. */
  get isReusable(): boolean {
    return !this.#clings && !this.client.destroyed
  }

  /** Ends it at once, whatever runs over it. */
  close(): void {
    if (this.client.destroyed) return
    // It only rejects if there is nothing left to end.
    this.client.destroy().catch(() => {})
    // undici lets a connection go on that is being made.
    this.#end.abort()
  }
}
