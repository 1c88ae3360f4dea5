import type { Socket } from "node:net"

/** Answers a request, or leaves it without an answer (undefined). `head` is its request line and headers. */
export type RawAnswer = (head: string, body: string) => string | undefined

/**
 * The least of an HTTP/1.1 server on a socket: bodies with Content-Length, one answer after the other. It costs less CPU
 * than any client under test.
 */
export const serveRaw =
  (answer: RawAnswer) =>
  (socket: Socket): void => {
    let rest: Buffer = Buffer.alloc(0)
    socket.on("error", () => socket.destroy())
    socket.on("data", (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      for (;;) {
        const end = rest.indexOf("\r\n\r\n")
        if (end < 0) return
        const head = rest.toString("latin1", 0, end)
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
        const whole = end + 4 + length
        if (rest.length < whole) return
        const body = rest.toString("utf8", end + 4, whole)
        rest = rest.subarray(whole)
        const answered = answer(head, body)
        if (answered !== undefined) socket.write(answered)
      }
    })
  }

/** A whole answer with status 200. */
export const okAnswer = (contentType: string, body: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
