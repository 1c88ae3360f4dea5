import type { Socket } from "node:net"

/** Waits until a socket that is being opened emits `event`. Rejects with its error; the signal destroys it. */
export const opened = <S extends Socket>(
  socket: S,
  event: "connect" | "secureConnect",
  signal: AbortSignal
): Promise<S> =>
  new Promise((resolve, reject) => {
    const abort = () => socket.destroy(errorOf(signal))
    const settle = () => signal.removeEventListener("abort", abort)
    socket.once(event, () => {
      settle()
      resolve(socket)
    })
    // It stays, because an error in nobody's hands ends the process.
    socket.on("error", (error) => {
      settle()
      reject(error)
    })
    socket.once("close", () => {
      settle()
      reject(new Closed())
    })
    signal.addEventListener("abort", abort)
    if (signal.aborted) abort()
  })

/** The next bytes of an open socket; undefined when it ends, breaks, or is destroyed by the signal. */
export const nextBytes = (socket: Socket, signal: AbortSignal): Promise<Buffer | undefined> =>
  new Promise((resolve) => {
    const settle = (bytes: Buffer | undefined) => {
      signal.removeEventListener("abort", abort)
      socket.off("readable", read).off("end", ended).off("close", ended)
      resolve(bytes)
    }
    const read = () => {
      const bytes: Buffer | null = socket.read()
      if (bytes !== null) settle(bytes)
    }
    const ended = () => settle(undefined)
    const abort = () => socket.destroy()
    socket.on("readable", read).on("end", ended).on("close", ended)
    signal.addEventListener("abort", abort)
    if (signal.aborted) abort()
    if (socket.destroyed || socket.readableEnded) ended()
    else read()
  })

/** The peer closed without a word. */
class Closed extends Error {
  readonly code = "ECONNRESET"
}

const errorOf = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error("aborted")
