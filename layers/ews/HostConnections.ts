import { Clock, Data, Effect, Exit, Schedule, type Scope } from "effect"
import type { Client } from "undici"

/** Bounds of everything that is kept per Exchange host. */
export interface HostLimits {
  /** Calls to one host at a time, each on a connection of its own. */
  readonly connectionsPerHost: number
  /** Calls that may wait for a connection to one host. */
  readonly waitingPerHost: number
  /** Hosts that are remembered at a time. */
  readonly hosts: number
  /** Milliseconds after which an unused host is forgotten and its connections are closed. */
  readonly idleAfter: number
}

/** There is no place for another call. */
export class NoPlace extends Data.TaggedError("NoPlace")<{
  readonly reason: "too many calls wait for this host" | "too many hosts"
}> {}

/** Connections to Exchange hosts, lent to one call at a time. */
export interface HostConnections<Host> {
  /**
   * Waits for a place at the host and lends a connection, kept from an earlier call if there is one. It goes back if the
   * use succeeded, else it is closed: nobody can know what is still to come over it.
   */
  readonly use: <A, E, R>(
    key: string,
    host: Host,
    body: (client: Client) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | NoPlace, R>
}

interface Kept {
  readonly places: Effect.Semaphore
  /** Clients without a call; the one used last is lent first, so that the sockets of the others can grow old. */
  readonly idle: Array<Client>
  calls: number
  usedAt: number
}

/**
 * `open` makes a client of one connection; `key` must tell apart whatever `open` distinguishes. All connections are closed
 * with the scope.
 */
export const makeHostConnections = <Host>(
  limits: HostLimits,
  open: (host: Host) => Client
): Effect.Effect<HostConnections<Host>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const hosts = new Map<string, Kept>()
    let closed = false

    const forget = (key: string, kept: Kept) => {
      hosts.delete(key)
      for (const client of kept.idle.splice(0)) discard(client)
    }
    const forgetUnused = (before: number) => {
      for (const [key, kept] of hosts) if (kept.calls === 0 && kept.usedAt <= before) forget(key, kept)
    }
    const sweep = Effect.map(Clock.currentTimeMillis, (now) => forgetUnused(now - limits.idleAfter))
    yield* Effect.forkScoped(Effect.schedule(sweep, Schedule.spaced(limits.idleAfter)))
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const [key, kept] of hosts) forget(key, kept)
      })
    )

    const enter = (key: string, now: number): Effect.Effect<Kept, NoPlace> => {
      const known = hosts.get(key)
      if (known === undefined && hosts.size >= limits.hosts) {
        const [oldest] = [...hosts]
          .filter(([, { calls }]) => calls === 0)
          .sort((a, b) => a[1].usedAt - b[1].usedAt)
        if (oldest === undefined) return Effect.fail(new NoPlace({ reason: "too many hosts" }))
        forget(...oldest)
      }
      const kept: Kept = known ?? {
        places: Effect.unsafeMakeSemaphore(limits.connectionsPerHost),
        idle: [],
        calls: 0,
        usedAt: now
      }
      if (kept.calls >= limits.connectionsPerHost + limits.waitingPerHost) {
        return Effect.fail(new NoPlace({ reason: "too many calls wait for this host" }))
      }
      hosts.set(key, kept)
      kept.calls++
      kept.usedAt = now
      return Effect.succeed(kept)
    }

    const lend = <A, E, R>(kept: Kept, host: Host, body: (client: Client) => Effect.Effect<A, E, R>) =>
      Effect.acquireUseRelease(
        Effect.sync(() => kept.idle.pop() ?? open(host)),
        body,
        (client, exit) =>
          Effect.sync(() => {
            if (Exit.isSuccess(exit) && !client.destroyed && !closed) kept.idle.push(client)
            else discard(client)
          })
      )

    return {
      use: (key, host, body) =>
        Effect.acquireUseRelease(
          Effect.flatMap(Clock.currentTimeMillis, (now) => enter(key, now)),
          (kept) => kept.places.withPermits(1)(lend(kept, host, body)),
          (kept) =>
            Effect.map(Clock.currentTimeMillis, (now) => {
              kept.calls--
              kept.usedAt = now
            })
        )
    }
  })

/** Ends a connection at once, whatever runs over it. */
const discard = (client: Client): void => {
  // It only rejects if there is nothing left to end.
  client.destroy().catch(() => {})
}
