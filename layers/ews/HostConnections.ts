import { Data, Effect, Schedule, type Scope } from "effect"
import type { Connection } from "./Connection.ts"

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
  /**
   * Waits for a place, `patience` milliseconds at most. Interruptible while it waits, and whoever has the place must leave
   * it.
   */
  readonly enter: (origin: string, patience: number) => Effect.Effect<Place, NoPlace>
}

interface Kept {
  /** Connections that nobody uses, the one used last at the end, so that the sockets of the others can grow old. */
  readonly idle: Array<Connection>
  /** In the order of their coming. */
  readonly waiting: Set<Waiter>
  taken: number
  connected: number
  usedLately: boolean
}

interface Waiter {
  served: boolean
  proceed: () => void
}

/** All connections are closed with the scope. */
export const makeHostConnections = (limits: HostLimits): Effect.Effect<HostConnections, never, Scope.Scope> =>
  Effect.gen(function* () {
    /** In the order of their last use. */
    const hosts = new Map<string, Kept>()
    let closed = false

    const forget = (origin: string, kept: Kept) => {
      hosts.delete(origin)
      for (const connection of kept.idle.splice(0)) connection.close()
    }
    const sweep = Effect.sync(() => {
      for (const [origin, kept] of hosts) {
        if (kept.taken === 0 && !kept.usedLately) forget(origin, kept)
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
        if (kept.taken > 0) continue
        forget(origin, kept)
        return true
      }
      return false
    }

    const want = (origin: string): Kept | NoPlace => {
      const known = hosts.get(origin)
      if (known === undefined && !makeRoom()) return new NoPlace({ reason: "too many hosts" })
      const kept: Kept = known ?? {
        idle: [],
        waiting: new Set(),
        taken: 0,
        connected: 0,
        usedLately: true
      }
      if (kept.waiting.size >= limits.waitingPerHost && kept.taken >= limits.connectionsPerHost) {
        return new NoPlace({ reason: "too many calls wait for this host" })
      }
      hosts.delete(origin)
      hosts.set(origin, kept)
      kept.usedLately = true
      return kept
    }

    const leave = (kept: Kept): void => {
      const [next] = kept.waiting
      if (next === undefined) {
        kept.taken--
        return
      }
      kept.waiting.delete(next)
      next.served = true
      next.proceed()
    }

    const wait = (kept: Kept, patience: number): Effect.Effect<void, NoPlace> => {
      const waiter: Waiter = { served: false, proceed: () => {} }
      const giveUp = Effect.sync(() => {
        // The end of patience, or an interruption, can come between being served and going on.
        if (waiter.served) leave(kept)
        else kept.waiting.delete(waiter)
      })
      kept.waiting.add(waiter)
      return Effect.async<void>((resume) => {
        if (waiter.served) resume(Effect.void)
        else waiter.proceed = () => resume(Effect.void)
      }).pipe(
        Effect.timeoutFail({
          duration: patience,
          onTimeout: () => new NoPlace({ reason: "no connection became free" })
        }),
        Effect.interruptible,
        Effect.onError(() => giveUp)
      )
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
      leave: () => leave(kept)
    })

    return {
      enter: (origin, patience) =>
        Effect.suspend(() => {
          const kept = want(origin)
          if (kept instanceof NoPlace) return Effect.fail(kept)
          const place = placeAt(origin, kept)
          if (kept.taken >= limits.connectionsPerHost) return Effect.as(wait(kept, patience), place)
          kept.taken++
          return Effect.succeed(place)
        }).pipe(Effect.uninterruptible)
    }
  })
