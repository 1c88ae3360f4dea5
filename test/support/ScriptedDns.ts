import { createSocket } from "node:dgram"
import type { SrvRecord } from "node:dns"
import { Effect, type Scope } from "effect"

/** A name server on loopback that answers SRV questions (RFC 1035, RFC 2782) from a map; undefined = keeps still. */
export const scriptedDns = (
  answers: (name: string) => ReadonlyArray<SrvRecord> | undefined
): Effect.Effect<{ readonly server: string; readonly asked: Array<string> }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const socket = createSocket("udp4", (query, from) => {
      const end = query.indexOf(0, 12)
      const name = labelsOf(query.subarray(12, end))
      asked.push(name)
      const records = answers(name)
      if (records === undefined) return
      const header = Buffer.from(query.subarray(0, 12))
      // An answer without error, with one question and no authority or additional records.
      header.writeUInt16BE(records.length > 0 ? 0x8180 : 0x8183, 2)
      header.writeUInt16BE(1, 4)
      header.writeUInt16BE(records.length, 6)
      header.writeUInt32BE(0, 8)
      const question = query.subarray(12, end + 5)
      socket.send(Buffer.concat([header, question, ...records.map(srv)]), from.port, from.address)
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        socket.bind(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          socket.close(() => resume(Effect.void))
        })
    )
    return { server: `127.0.0.1:${socket.address().port}`, asked }
  })

const SRV = 33
const INTERNET = 1

const srv = ({ name, port, priority, weight }: SrvRecord): Buffer => {
  const labels = name === "." ? [] : name.split(".")
  const target = Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0])
  ])
  const head = Buffer.alloc(18)
  // The name is the question's, at byte 12.
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(SRV, 2)
  head.writeUInt16BE(INTERNET, 4)
  head.writeUInt32BE(60, 6)
  head.writeUInt16BE(6 + target.length, 10)
  head.writeUInt16BE(priority, 12)
  head.writeUInt16BE(weight, 14)
  head.writeUInt16BE(port, 16)
  return Buffer.concat([head, target])
}

const labelsOf = (bytes: Buffer): string => {
  const labels: Array<string> = []
  for (let at = 0; at < bytes.length; at += 1 + bytes[at]!) {
    labels.push(bytes.subarray(at + 1, at + 1 + bytes[at]!).toString("latin1"))
  }
  return labels.join(".")
}
