import { connect as connectPlain, type Socket } from "node:net"
import { connect as connectTls, createSecureContext } from "node:tls"
import { HeartbeatRequest } from "./Heartbeat.ts"

/**
 * Exchange as seen by the listener: a number of connections at once, each with one callback at a time. Raw sockets and
 * requests made beforehand, so that the load costs less CPU than any server under test.
 */
export interface LoadOrder {
  readonly port: number
  readonly targets: ReadonlyArray<string>
  readonly connections: number
  readonly milliseconds: number
  readonly tls: boolean
  /** Connections are kept; else each callback has its own, with a handshake in full. */
  readonly kept: boolean
}

export interface LoadResult {
  readonly requests: number
  readonly milliseconds: number
  /** Milliseconds of one callback in 2 and in 100, its connecting included if it has a connection of its own. */
  readonly p50: number
  readonly p99: number
}

process.on("message", (order: LoadOrder) => {
  load(order).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      throw error
    }
  )
})
process.on("disconnect", () => process.exit())

const load = async (order: LoadOrder): Promise<LoadResult> => {
  const requests = requestsFor(order.targets)
  const latencies: Array<number> = []
  const start = performance.now()
  const end = start + order.milliseconds
  let next = 0
  let running = true
  // Never sleeps: waking a sleeping peer costs the server twice as much as all else in its write, and the slower the
  // server, the more often the peer sleeps.
  const stayAwake = () => {
    if (running) setImmediate(stayAwake)
  }
  stayAwake()
  let wanted = 0
  /** Sends callbacks on one connection until it is to be closed. */
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(order, () => send())
      let got = 0
      let sent = performance.now()
      const send = () => {
        got = 0
        if (order.kept) sent = performance.now()
        socket.write(requests[next++ % requests.length]!.next())
      }
      socket.on("error", reject)
      socket.on("close", () => reject(new Error("the server closed a connection")))
      socket.on("data", (chunk: Buffer) => {
        // "HTTP/1.1 2": all answers of one server are equally long, so the first one tells where each ends.
        if (got === 0 && chunk[9] !== 0x32) return reject(new Error(chunk.toString("latin1")))
        if (wanted === 0) wanted = lengthOf(chunk)
        got += chunk.length
        if (got < wanted) return
        const now = performance.now()
        latencies.push(now - sent)
        if (order.kept && now < end) return send()
        socket.removeAllListeners("close")
        socket.end()
        resolve()
      })
    })
  const oneAfterAnother = async () => {
    do await one()
    while (performance.now() < end)
  }
  await Promise.all(Array.from({ length: order.connections }, oneAfterAnother))
  running = false
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  return { requests: sorted.length, milliseconds: performance.now() - start, p50: at(0.5), p99: at(0.99) }
}

const context = createSecureContext()
const connect = ({ port, tls }: LoadOrder, connected: () => void): Socket => {
  const to = { host: "127.0.0.1", port, noDelay: true }
  if (!tls) return connectPlain(to, connected)
  // Session tickets are not used: the handshake is the dear one.
  return connectTls({ ...to, secureContext: context, rejectUnauthorized: false }, connected)
}

/** Kept from one order to the next, so that watermarks go on where they were. */
const known = new Map<string, ReadonlyArray<HeartbeatRequest>>()
const requestsFor = (targets: ReadonlyArray<string>): ReadonlyArray<HeartbeatRequest> => {
  const key = targets[0] ?? ""
  const requests = known.get(key) ?? targets.map((target, index) => new HeartbeatRequest(target, index))
  known.set(key, requests)
  return requests
}

const lengthOf = (head: Buffer): number => {
  const text = head.toString("latin1")
  const length = /content-length: (\d+)/i.exec(text)?.[1]
  if (length === undefined) throw new Error(`no Content-Length in ${text}`)
  if (!text.includes(">OK<")) throw new Error(`not OK: ${text}`)
  return text.indexOf("\r\n\r\n") + 4 + Number(length)
}
