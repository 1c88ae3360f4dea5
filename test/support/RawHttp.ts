import { connect, type Socket } from "node:net"

export interface RawResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/**
 * One connection to a server, byte by byte: for what HTTP clients hide, such as half requests, pipelining, keeping or
 * losing the connection. Answers need a Content-Length.
 */
export class RawHttp {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #ended = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    const ended = () => {
      this.#ended = true
      this.#wake()
    }
    socket.on("error", ended)
    socket.on("close", ended)
  }

  static connect(port: number): Promise<RawHttp> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port })
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.off("error", reject)
        resolve(new RawHttp(socket))
      })
    })
  }

  write(text: string | Uint8Array): void {
    this.#socket.write(text)
  }

  /** A whole request with Host and Content-Length. */
  send(method: string, target: string, body = "", headers: Readonly<Record<string, string>> = {}): void {
    const fields = Object.entries({
      Host: "ens.test",
      "Content-Length": `${Buffer.byteLength(body)}`,
      ...headers
    })
    this.write(
      `${method} ${target} HTTP/1.1\r\n${fields.map(([k, v]) => `${k}: ${v}\r\n`).join("")}\r\n${body}`
    )
  }

  /** The next response; fails when the connection ends before it is whole. */
  async response(): Promise<RawResponse> {
    for (;;) {
      const response = this.#take()
      if (response !== undefined) return response
      if (this.#ended) throw new Error(`connection ended after ${JSON.stringify(this.#received.toString())}`)
      await this.#more()
    }
  }

  /** Waits until the server has closed; answers what came and was not asked for. */
  async ended(): Promise<string> {
    while (!this.#ended) await this.#more()
    return this.#received.toString("latin1")
  }

  /** Hangs up. */
  destroy(): void {
    this.#socket.destroy()
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #take(): RawResponse | undefined {
    const end = this.#received.indexOf("\r\n\r\n")
    if (end < 0) return undefined
    const [first = "", ...lines] = this.#received.toString("latin1", 0, end).split("\r\n")
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(":")
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
      })
    )
    const status = Number(first.split(" ")[1])
    const length = Number(headers.get("content-length") ?? 0)
    if (this.#received.length < end + 4 + length) return undefined
    const body = this.#received.toString("utf8", end + 4, end + 4 + length)
    this.#received = this.#received.subarray(end + 4 + length)
    return { status, headers, body }
  }
}
