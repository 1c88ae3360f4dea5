import { connect, type Socket } from "node:net"

/** Headers and body of an answer, without its date, and how long it took. */
export interface OneAnswer {
  readonly answer: string
  readonly microseconds: number
}

/** A device that asks one thing after the other over one kept connection, and looks at the clock as close as it can. */
export class OneConnection {
  readonly #socket: Socket
  readonly #token: string
  #got: Buffer = Buffer.alloc(0)
  #answered: ((at: bigint) => void) | undefined
  #failed: ((error: Error) => void) | undefined

  private constructor(socket: Socket, token: string) {
    this.#socket = socket
    this.#token = token
    socket.setNoDelay(true)
    socket.on("data", (chunk: Buffer) => {
      const at = process.hrtime.bigint()
      this.#got = this.#got.length === 0 ? chunk : Buffer.concat([this.#got, chunk])
      if (isWhole(this.#got)) this.#answered?.(at)
    })
    socket.on("error", (error) => this.#failed?.(error))
    socket.on("close", () => this.#failed?.(new Error("the service closed the connection")))
  }

  /** A connection as long as it is used; the service closes one that has nothing to say for some seconds. */
  static async use<A>(port: number, token: string, use: (it: OneConnection) => Promise<A>): Promise<A> {
    const socket = connect(port, "127.0.0.1")
    try {
      return await use(new OneConnection(socket, token))
    } finally {
      socket.removeAllListeners("close").destroy()
    }
  }

  async post(endpoint: string, fields: object): Promise<OneAnswer> {
    const body = JSON.stringify(fields)
    const request = [
      `POST /api/ens/${endpoint} HTTP/1.1`,
      "Host: 127.0.0.1",
      `ENSAPIToken: ${this.#token}`,
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body
    ].join("\r\n")
    this.#got = Buffer.alloc(0)
    const began = process.hrtime.bigint()
    const at = await new Promise<bigint>((resolve, reject) => {
      this.#answered = resolve
      this.#failed = reject
      this.#socket.write(request)
    })
    const answer = this.#got.toString("utf8").replace(/^date: .*\r\n/im, "")
    return { answer, microseconds: Number(at - began) / 1000 }
  }
}

const isWhole = (got: Buffer): boolean => {
  const end = got.indexOf("\r\n\r\n")
  if (end < 0) return false
  const length = /^content-length: (\d+)/im.exec(got.toString("latin1", 0, end))?.[1]
  return length !== undefined && got.length >= end + 4 + Number(length)
}
