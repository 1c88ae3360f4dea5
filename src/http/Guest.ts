import type { Socket } from "node:net"
import type { Asker } from "./SourceAddress.ts"

/** Connections that are counted together: those of an address, or all. */
export interface Crowd {
  open: number
  /** The oldest first. */
  readonly unproven: Set<Guest>
}

/**
 * To be called when a request on this socket has shown what strangers lack: a callback with a valid MAC, a known API token.
 * Its connection then never has to make room for others. Costs a look at one field, as every heartbeat pays it.
 */
export const vouchFor = (socket: object | undefined): void => (socket as Marked | undefined)?.[GUEST]?.prove()

/** A connection to the public listener, and what is held of it. */
export class Guest {
  readonly asker: Asker
  readonly #crowds: ReadonlyArray<Crowd>
  readonly #proven: () => void
  #socket: Socket
  #isProven = false
  #isGone = false

  /** `proven` is called once, if it comes to that. */
  constructor(socket: Socket, asker: Asker, crowds: ReadonlyArray<Crowd>, proven: () => void) {
    this.asker = asker
    this.#crowds = crowds
    this.#proven = proven
    this.#socket = socket
    ;(socket as Marked)[GUEST] = this
    for (const crowd of crowds) {
      crowd.open++
      crowd.unproven.add(this)
    }
  }

  /** Its requests will name this socket: TLS is spoken. */
  comesOver(socket: Socket): void {
    this.#socket = socket
    ;(socket as Marked)[GUEST] = this
  }

  prove(): void {
    if (this.#isProven) return
    this.#isProven = true
    this.#proven()
    for (const { unproven } of this.#crowds) unproven.delete(this)
  }

  /** It counts no more. */
  leave(): void {
    if (this.#isGone) return
    this.#isGone = true
    for (const crowd of this.#crowds) {
      crowd.open--
      crowd.unproven.delete(this)
    }
  }

  cut(): void {
    this.leave()
    this.#socket.destroy()
  }
}

const GUEST = Symbol("guest")
type Marked = { [GUEST]?: Guest }
