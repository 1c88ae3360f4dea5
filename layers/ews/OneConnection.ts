import { Effect } from "effect"
import type { Connection } from "./Connection.ts"
import type { HostConnections, NoPlace, Place } from "./HostConnections.ts"
import type { Target } from "./Target.ts"

/** How a session's connection is made: with its client certificate in the TLS handshake, or without. */
export type Open = (target: Target, certificate: boolean, kind: string) => Connection

/** The one connection that a session has: to the origin that it talked to last, from the place that it has there. */
export class OneConnection {
  readonly #hosts: HostConnections
  readonly #open: Open
  #place: Place | undefined
  #connection: Connection | undefined
  #closed = false

  constructor(hosts: HostConnections, open: Open) {
    this.#hosts = hosts
    this.#open = open
  }

  /** Waits for a place at the origin. The one at another is left first, so that nobody waits for a place with one taken. */
  enter(origin: string): Effect.Effect<void, NoPlace> {
    if (this.#place?.origin === origin) return Effect.void
    this.#leave()
    return this.#hosts.enter(origin).pipe(
      Effect.flatMap((place) => {
        this.#place = place
        if (!this.#closed) return Effect.void
        this.#leave()
        return Effect.interrupt
      }),
      // A place that is not written down would be taken for ever.
      Effect.uninterruptible
    )
  }

  /**
   * The connection to a target at the origin whose place it has. With a certificate it belongs to the session; without, it
   * may be one that others use too, as long as nobody has logged in on it.
   */
  to(target: Target, certificate: boolean): Connection {
    const { endpoint } = target
    const kind = `${endpoint.listed} ${certificate} ${endpoint.pins.join()}`
    if (this.#connection?.kind === kind && !this.#connection.client.destroyed) return this.#connection
    this.#giveBack()
    if (this.#place === undefined) throw new Error("a connection without a place")
    const connection = this.#place.connect(kind, () => this.#open(target, certificate, kind))
    if (certificate) connection.cling()
    this.#connection = connection
    return connection
  }

  /** The same without a certificate, and never one on which this session has logged in. */
  toStranger(target: Target): Connection {
    if (this.#connection?.isReusable !== true) this.#giveBack()
    return this.to(target, false)
  }

  close(): void {
    this.#closed = true
    this.#leave()
  }

  #leave(): void {
    this.#giveBack()
    this.#place?.leave()
    this.#place = undefined
  }

  #giveBack(): void {
    if (this.#connection !== undefined) this.#place?.giveBack(this.#connection)
    this.#connection = undefined
  }
}
