import { Data, Effect, Schedule, type Scope } from "effect"
import type { Connection } from "./Connection.ts"
import { Turns } from "./Turns.ts"

/** Bounds of everything that is kept per Exchange host. */
export interface HostLimits {
  /** Sessions with one host at a time, each on a connection of its own. */
  readonly connectionsPerHost: number
  /** Sessions that may wait for a place at one host. */
  readonly waitingPerHost: number
  /** Hosts that are remembered at a time. */
  readonly hosts: number
  /** Milliseconds after which an unused host is forgotten and its connections are closed. */
  readonly idleAfter: number
}

/** There is no place for another session. */
export class NoPlace extends Data.TaggedError("NoPlace")<{
  readonly reason: "too many calls wait for this host" | "too many hosts" | "no connection became free"
}> {}

/** A place at a host: the right to one connection there. */
export interface Place {
  readonly origin: string
  /** A connection of this kind that was kept from an earlier use, or what `open` makes. At most one at a time. */
  readonly connect: (kind: string, open: () => Connection) => Connection
  /** Gives a connection back. It is kept for others unless it clings to somebody, or was closed. */
  readonly giveBack: (connection: Connection) => void
  /** Ends the right; to be called once, without a connection. */
  readonly leave: () => void
}

/** Places and connections at Exchange hosts. Places are counted by origin, whoever has them. */
export interface HostConnections {
  /** A place, if there is one at once; undefined: it has to be waited for. Whoever has a place must leave it. */
  readonly enterNow: (origin: string) => Place | NoPlace | undefined
  /** Waits for a place, `patience` milliseconds at most. To be run uninterruptibly; the waiting can be interrupted. */
  readonly enter: (origin: string, patience: number) => Effect.Effect<Place, NoPlace>
}

interface Kept {
  /** Connections that nobody uses, the one used last at the end, so that the sockets of the others can grow old. */
  readonly idle: Array<Connection>
  readonly places: Turns
  connected: number
  usedLately: boolean
}

/** All connections are closed with the scope. */
export const makeHostConnections = (limits: HostLimits): Effect.Effect<HostConnections, never, Scope.Scope> =>
  Effect.gen(function* () {
    /** In the order of their last use. */
    const hosts = new Map<string, Kept>()
    let lastUsed: Kept | undefined
    let closed = false

    const forget = (origin: string, kept: Kept) => {
      hosts.delete(origin)
      for (const connection of kept.idle.splice(0)) connection.close()
    }
    const sweep = Effect.sync(() => {
      for (const [origin, kept] of hosts) {
        if (kept.places.unused && !kept.usedLately) forget(origin, kept)
        kept.usedLately = false
      }
    })
    yield* Effect.forkScoped(Effect.schedule(sweep, Schedule.spaced(limits.idleAfter)))
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const [origin, kept] of hosts) forget(origin, kept)
      })
    )

    const makeRoom = (): boolean => {
      if (hosts.size < limits.hosts) return true
      for (const [origin, kept] of hosts) {
        if (!kept.places.unused) continue
        forget(origin, kept)
        return true
      }
      return false
    }

    const keptOf = (origin: string): Kept | NoPlace => {
      const known = hosts.get(origin)
      if (known !== undefined && known === lastUsed) {
        known.usedLately = true
        return known
      }
      if (known === undefined && !makeRoom()) return new NoPlace({ reason: "too many hosts" })
      const kept: Kept = known ?? {
        idle: [],
        places: new Turns(limits.connectionsPerHost),
        connected: 0,
        usedLately: true
      }
      hosts.delete(origin)
      hosts.set(origin, kept)
      kept.usedLately = true
      lastUsed = kept
      return kept
    }

    const placeAt = (origin: string, kept: Kept): Place => ({
      origin,
      connect: (kind, open) => {
        const same = kept.idle.findLastIndex((connection) => connection.kind === kind)
        const [connection] = same < 0 ? [] : kept.idle.splice(same, 1)
        // Connections that nobody uses count too, so that a host never sees more than its limit.
        if (connection === undefined && kept.idle.length + kept.connected >= limits.connectionsPerHost) {
          kept.idle.shift()?.close()
        }
        kept.connected++
        return connection ?? open()
      },
      giveBack: (connection) => {
        kept.connected--
        if (connection.isReusable && !closed) kept.idle.push(connection)
        else connection.close()
      },
      leave: () => kept.places.giveBack()
    })

    return {
      enterNow: (origin) => {
        const kept = keptOf(origin)
        if (kept instanceof NoPlace) return kept
        return kept.places.take() ? placeAt(origin, kept) : undefined
      },
      enter: (origin, patience) =>
        Effect.suspend(() => {
          const kept = keptOf(origin)
          if (kept instanceof NoPlace) return Effect.fail(kept)
          if (kept.places.take()) return Effect.succeed(placeAt(origin, kept))
          if (kept.places.waiting >= limits.waitingPerHost) {
            return Effect.fail(new NoPlace({ reason: "too many calls wait for this host" }))
          }
          return Effect.flatMap(kept.places.wait(patience), (served) =>
            served
              ? Effect.succeed(placeAt(origin, kept))
              : Effect.fail(new NoPlace({ reason: "no connection became free" }))
          )
        })
    }
  })
