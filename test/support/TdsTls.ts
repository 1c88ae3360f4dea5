import { connect, createServer, type Socket } from "node:net"
import { Duplex } from "node:stream"
import { TLSSocket } from "node:tls"
import { Effect, type Scope } from "effect"
import { PACKET, packets, reader } from "./TdsServerWire.ts"

/** 2.2.6.5, answered: everything is encrypted. */
const encrypting = Buffer.from([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 255, 16, 0, 0, 0, 0, 0, 1])

/** TLS as TDS 7.4 has it, the handshake in packets (2.2.6.5), in front of a scripted server. Answers the port. */
export const make = (
  behind: number,
  identity: { readonly key: string; readonly cert: string }
): Effect.Effect<number, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = createServer((socket) => serve(socket, behind, identity))
    yield* Effect.async<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  })

const serve = (socket: Socket, behind: number, identity: { readonly key: string; readonly cert: string }) => {
  const read = reader()
  const plain = connect(behind, "127.0.0.1")
  let secured = false
  let bare = false
  let held: Array<Buffer> = []
  const line = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _, done) => {
      held.push(chunk)
      if (held.length === 1) setImmediate(flush)
      done()
    }
  })
  // The client takes one packet for each that it sent.
  const flush = () => {
    if (socket.writable) socket.write(bare ? Buffer.concat(held) : packets(held))
    held = []
    bare = secured
  }
  socket.on("data", (chunk) => {
    if (bare) return void line.push(chunk)
    for (const { type, data } of read(chunk)) {
      if (type === PACKET.prelogin && data[0] === 0) socket.write(packets([encrypting]))
      else line.push(data)
    }
  })
  const tls = new TLSSocket(line, { isServer: true, ...identity })
  tls.on("secure", () => {
    secured = true
  })
  tls.pipe(plain).pipe(tls)
  for (const stream of [socket, plain, tls, line]) {
    stream.on("error", () => {})
    stream.on("close", () => {
      socket.destroy()
      plain.destroy()
    })
  }
}
