import { connect, type Socket } from "node:net"

/** What came of a callback: SOAP's answer, another HTTP status, or no answer at all. */
export type Outcome = "OK" | "Unsubscribe" | "unreachable" | number

/** More connections than this are not made; what is sent beyond it waits for one. */
const CONNECTIONS_MAX = 4_000

interface Sending {
  readonly request: string
  readonly done: (outcome: Outcome) => void
}

/**
 * Exchange's end of callbacks: connections that are kept, each with one callback at a time, as many as are needed, from
 * many source addresses, as many mailbox servers would have. Raw sockets, so that the load costs less CPU than what it is
 * for.
 */
export class CallbackSender {
  readonly #port: number
  readonly #sources: number
  readonly #idle: Array<Connection> = []
  readonly #waiting: Array<Sending> = []
  readonly #all = new Set<Connection>()
  #made = 0

  constructor(port: number, sources: number) {
    this.#port = port
    // Other systems than Linux have only 127.0.0.1 on their loopback.
    this.#sources = process.platform === "linux" ? sources : 0
  }

  /** The request is in Latin-1. */
  send(request: string, done: (outcome: Outcome) => void): void {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle.send({ request, done })
    if (this.#all.size >= CONNECTIONS_MAX) {
      this.#waiting.push({ request, done })
      return
    }
    const connection = new Connection(
      this.#open(),
      () => this.#free(connection),
      () => this.#lost(connection)
    )
    this.#all.add(connection)
    connection.send({ request, done })
  }

  close(): void {
    for (const connection of this.#all) connection.close()
  }

  #open(): Socket {
    const source =
      this.#sources === 0 ? {} : { localAddress: `127.0.0.${2 + (this.#made++ % this.#sources)}` }
    return connect({ host: "127.0.0.1", port: this.#port, noDelay: true, ...source })
  }

  #free(connection: Connection): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(connection)
    else connection.send(next)
  }

  #lost(connection: Connection): void {
    this.#all.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    const next = this.#waiting.shift()
    if (next !== undefined) this.send(next.request, next.done)
  }
}

class Connection {
  readonly #socket: Socket
  readonly #free: () => void
  #got = ""
  #sending: Sending | undefined

  constructor(socket: Socket, free: () => void, lost: () => void) {
    this.#socket = socket
    this.#free = free
    socket.setEncoding("latin1")
    socket.on("data", (chunk: string) => this.#read(chunk))
    socket.on("error", () => socket.destroy())
    socket.on("close", () => {
      const sending = this.#sending
      this.#sending = undefined
      lost()
      sending?.done("unreachable")
    })
  }

  send(sending: Sending): void {
    this.#sending = sending
    this.#socket.write(sending.request, "latin1")
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: string): void {
    this.#got += chunk
    const end = this.#got.indexOf("\r\n\r\n")
    if (end < 0) return
    const head = this.#got.slice(0, end)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
    if (this.#got.length < end + 4 + length) return
    const outcome = outcomeOf(head, this.#got)
    const sending = this.#sending
    this.#got = ""
    this.#sending = undefined
    if (/\r\nconnection: close/i.test(head)) this.#socket.destroy()
    else this.#free()
    sending?.done(outcome)
  }
}

const outcomeOf = (head: string, answer: string): Outcome => {
  const status = Number(head.slice(9, 12))
  if (status !== 200) return status
  return answer.includes(">OK<") ? "OK" : "Unsubscribe"
}
