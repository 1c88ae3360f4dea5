import { createServer, type Server, type Socket } from "node:net"
import { createInterface } from "node:readline"
import type { InsideOrder } from "./InsideService.ts"

/** The socket on which a process with `InsideService.ts` loaded tells of its inside. */
export class Inside {
  readonly path: string
  readonly #server: Server
  readonly #answers: Array<(line: string) => void> = []
  #socket: Socket | undefined

  private constructor(path: string, server: Server) {
    this.path = path
    this.#server = server
    server.on("connection", (socket) => {
      // The last one counts: a service may only be there to start another one.
      this.#socket = socket
      socket.on("error", () => socket.destroy())
      createInterface({ input: socket }).on("line", (line) => this.#answers.shift()?.(line))
    })
  }

  static listen(path: string): Promise<Inside> {
    const server = createServer()
    return new Promise((resolve) => server.listen(path, () => resolve(new Inside(path, server))))
  }

  ask<A>(order: InsideOrder): Promise<A> {
    return new Promise((resolve) => {
      this.#answers.push((line) => resolve(JSON.parse(line) as A))
      this.#socket?.write(`${order}\n`)
    })
  }

  close(): void {
    this.#socket?.destroy()
    this.#server.close()
  }
}
