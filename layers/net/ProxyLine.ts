import { connect, type Socket } from "node:net"
import { ConnectError } from "./ConnectError.ts"
import type { EgressProxy } from "./EgressProxy.ts"
import { nextBytes, opened } from "./PendingSocket.ts"
import { BODY_MAX, endOfBody, endOfHead, HEAD_MAX, type ProxyReply, parseReply } from "./ProxyReply.ts"

/** CONNECT requests to one proxy for one host, over one connection as long as the proxy keeps it. */
export class ProxyLine {
  readonly #proxy: EgressProxy
  readonly #authority: string
  readonly #signal: AbortSignal
  #socket: Socket | undefined
  /** What came behind the last answer. */
  #rest: Buffer = Buffer.alloc(0)

  constructor(proxy: EgressProxy, authority: string, signal: AbortSignal) {
    this.#proxy = proxy
    this.#authority = authority
    this.#signal = signal
  }

  /** Asks for a tunnel; over a new connection if there is none, or if the one of the last answer turns out to be closed. */
  async ask(authorization?: string): Promise<ProxyReply> {
    if (this.#socket !== undefined) {
      const reply = await this.#exchange(this.#socket, authorization)
      if (reply !== undefined) return reply
      this.close()
    }
    return this.#need(await this.#exchange(await this.#dial(), authorization))
  }

  /** Asks over the connection of the last answer, because what is said now belongs to it. */
  async answer(authorization: string): Promise<ProxyReply> {
    if (this.#socket === undefined) {
      throw new ConnectError(
        "ENS_PROXY_LOGIN",
        "the proxy closes the connection in the middle of an NTLM log-in"
      )
    }
    return this.#need(await this.#exchange(this.#socket, authorization))
  }

  /** The connection, which is a tunnel after a successful answer. */
  release(): Socket {
    const socket = this.#socket
    if (socket === undefined || this.#rest.length > 0) throw strange()
    this.#socket = undefined
    return socket
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
    this.#rest = Buffer.alloc(0)
  }

  async #dial(): Promise<Socket> {
    const socket = connect({
      host: this.#proxy.host,
      port: this.#proxy.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000
    })
    this.#socket = socket
    try {
      return await opened(socket, "connect", this.#signal)
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error"
      throw new ConnectError("ENS_PROXY_DOWN", `the proxy cannot be reached (${code})`)
    }
  }

  /** undefined if the connection ended without an answer. */
  async #exchange(socket: Socket, authorization: string | undefined): Promise<ProxyReply | undefined> {
    socket.write(
      `CONNECT ${this.#authority} HTTP/1.1\r\nHost: ${this.#authority}\r\nProxy-Connection: keep-alive\r\n` +
        (authorization === undefined ? "\r\n" : `Proxy-Authorization: ${authorization}\r\n\r\n`)
    )
    const head = await this.#read(socket, HEAD_MAX, endOfHead)
    if (head === undefined) return undefined
    const reply = parseReply(head)
    if (reply === undefined) throw strange()
    const isTunnel = reply.status >= 200 && reply.status <= 299
    if (!isTunnel && !(await this.#skipBody(socket, reply))) this.close()
    return reply
  }

  /** Whether the next answer can be told from this one's body. */
  async #skipBody(socket: Socket, reply: ProxyReply): Promise<boolean> {
    if (!reply.persistent) return false
    const body = await this.#read(socket, BODY_MAX, (bytes) => endOfBody(bytes, reply.body)).catch(
      () => undefined
    )
    return body !== undefined
  }

  /** Bytes up to where `endOf` says; undefined if the connection ends before the first, an error if amid or too far. */
  async #read(
    socket: Socket,
    limit: number,
    endOf: (bytes: Buffer) => number | undefined
  ): Promise<Buffer | undefined> {
    for (;;) {
      const end = endOf(this.#rest)
      if (end !== undefined) {
        const bytes = this.#rest.subarray(0, end)
        this.#rest = this.#rest.subarray(end)
        return bytes
      }
      if (this.#rest.length > limit) throw strange()
      const more = await nextBytes(socket, this.#signal)
      if (more === undefined && this.#rest.length === 0) return undefined
      if (more === undefined) throw strange()
      this.#rest = Buffer.concat([this.#rest, more])
    }
  }

  #need(reply: ProxyReply | undefined): ProxyReply {
    if (reply === undefined) throw new ConnectError("ENS_PROXY_DOWN", "the proxy closed the connection")
    return reply
  }
}

const strange = () => new ConnectError("ENS_PROXY_DOWN", "what answers at the proxy's address is no proxy")
