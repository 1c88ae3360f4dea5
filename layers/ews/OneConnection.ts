import { Effect } from "effect"
import type { ClientIdentity } from "../net/ClientIdentity.ts"
import type { Connection } from "./Connection.ts"
import { type HostConnections, NoPlace, type Place } from "./HostConnections.ts"
import type { Target } from "./Target.ts"

/** How a session's connection is made; with an identity it is shown in the TLS handshake. */
export type Open = (target: Target, identity: ClientIdentity | undefined, kind: string) => Connection

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

  /**
   * Takes a place at the origin if there is one at once; false: it has to be waited for. The one at another is left first,
   * so that nobody waits for a place with one taken.
   */
  enterNow(origin: string): boolean | NoPlace {
    if (this.#place?.origin === origin) return true
    this.#leave()
    const place = this.#hosts.enterNow(origin)
    if (place === undefined || place instanceof NoPlace) return place ?? false
    this.#place = place
    return true
  }

  /** Waits for a place at the origin, `patience` milliseconds at most. */
  enter(origin: string, patience: number): Effect.Effect<void, NoPlace> {
    return this.#hosts.enter(origin, patience).pipe(
      Effect.flatMap((waitedFor) => this.#take(waitedFor)),
      // A place that is not written down would be taken for ever.
      Effect.uninterruptible
    )
  }

  /**
   * The connection to a target at the origin whose place it has. With an identity it belongs to the session; without, it
   * may be one that others have used, and will.
   */
  to(target: Target, identity: ClientIdentity | undefined): Connection {
    const { endpoint } = target
    const kind = `${endpoint.listed} ${identity?.digest ?? "-"} ${endpoint.pins.join()}`
    if (this.#connection?.kind === kind && !this.#connection.client.destroyed) return this.#connection
    this.#giveBack()
    if (this.#place === undefined) throw new Error("a connection without a place")
    const connection = this.#place.connect(kind, () => this.#open(target, identity, kind))
    if (identity !== undefined) connection.cling()
    this.#connection = connection
    return connection
  }

  /** One that tells nobody who the caller is: without an identity, and none on which the session has logged in. */
  toStranger(target: Target): Connection {
    if (this.#connection?.isReusable !== true) this.#giveBack()
    return this.to(target, undefined)
  }

  /** `busy`: a request is still under way, and nobody else is to wait behind it. */
  close(busy: boolean): void {
    this.#closed = true
    if (busy) this.#connection?.close()
    this.#leave()
  }

  #take(place: Place): Effect.Effect<void> {
    this.#place = place
    if (!this.#closed) return Effect.void
    this.#leave()
    return Effect.interrupt
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
