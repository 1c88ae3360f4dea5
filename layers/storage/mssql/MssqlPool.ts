import type { SqlError } from "@effect/sql/SqlError"
import { Clock, Deferred, Duration, Effect, FiberId, type Scope } from "effect"
import * as MssqlConnection from "./MssqlConnection.ts"
import { isFailover } from "./MssqlTrouble.ts"
import { MssqlTurns, noConnection, type Restore } from "./MssqlTurns.ts"
import type { MssqlConfig } from "./MssqlUrl.ts"

/** At most `poolSize` connections, made when they are needed. */
export interface MssqlPool {
  /**
   * A connection of the caller's own until the scope ends. Callers are served in the order they came; who cannot be
   * served within `connectTimeout`, opening included, fails.
   */
  readonly acquire: Effect.Effect<MssqlConnection.MssqlConnection, SqlError, Scope.Scope>
  /** Closes what is idle, and what is in use when it comes back. For when the server has changed. */
  readonly renew: () => void
  /** Connections there are, idle or in use. */
  readonly size: () => number
}

/** ms: what is idle for so long is closed; looked at before use; closed at this age, so that a new server gets used. */
export const IDLE_AT_MOST = 5 * 60_000
export const TRUSTED_FOR = 30_000
export const AGE_AT_MOST = 45 * 60_000

/** ms a look at a connection may take, and running statements get when the pool closes. */
const LOOK_WITHIN = 2000
const CLOSE_WITHIN = 1000
const SWEEP_EVERY = 30_000

/** Closes with its scope. `ca`: PEM text. */
export const make = (config: MssqlConfig, ca?: string): Effect.Effect<MssqlPool, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pool = new Pool(config, ca)
    yield* Effect.addFinalizer(() => pool.end)
    yield* pool.sweep.pipe(
      Effect.delay(Duration.millis(SWEEP_EVERY)),
      Effect.forever,
      // A fiber is born as interruptible as whoever forks it, and the scope's end waits for its interruption.
      Effect.interruptible,
      Effect.forkScoped
    )
    return { acquire: pool.acquire, renew: () => pool.renew(), size: () => pool.members.size }
  })

interface Member {
  readonly connection: MssqlConnection.MssqlConnection
  readonly openedAt: number
  readonly generation: number
  idleSince: number
}

class Pool {
  readonly members = new Set<Member>()
  private readonly config: MssqlConfig
  private readonly ca: string | undefined
  private idle: Array<Member> = []
  private readonly turns: MssqlTurns
  private generation = 0
  private closed = false
  private readonly emptied = Deferred.unsafeMake<void>(FiberId.none)

  constructor(config: MssqlConfig, ca: string | undefined) {
    this.config = config
    this.ca = ca
    this.turns = new MssqlTurns(config.poolSize, config.connectTimeout)
  }

  /** Whoever has a turn takes an idle connection first, so there are never more connections than turns. */
  readonly acquire = Effect.uninterruptibleMask((restore) =>
    Effect.gen(this, function* () {
      const began = yield* Clock.currentTimeMillis
      yield* this.turns.take(restore)
      const member = yield* this.member(began + this.config.connectTimeout, restore).pipe(
        Effect.onError(() => Effect.sync(() => this.turns.give()))
      )
      yield* Effect.addFinalizer(() =>
        Effect.ensuring(
          this.release(member),
          Effect.sync(() => this.turns.give())
        )
      )
      return member.connection
    })
  )

  renew(): void {
    this.generation++
    for (const member of this.idle.splice(0)) member.connection.close()
  }

  readonly sweep = Effect.map(Clock.currentTimeMillis, (now) => {
    const kept = this.idle.filter(
      (member) => now - member.idleSince < IDLE_AT_MOST && this.isYoung(member, now)
    )
    const gone = this.idle.filter((member) => !kept.includes(member))
    this.idle = kept
    for (const member of gone) member.connection.close()
  })

  readonly end = Effect.gen(this, function* () {
    this.closed = true
    this.turns.end()
    this.renew()
    if (this.members.size > 0) {
      // A finalizer cannot be interrupted, and what cannot be interrupted has no time limit.
      const emptied = Effect.interruptible(Deferred.await(this.emptied))
      yield* Effect.timeoutOption(emptied, Duration.millis(CLOSE_WITHIN))
    }
    for (const member of this.members) member.connection.close()
  })

  private member(deadline: number, restore: Restore): Effect.Effect<Member, SqlError> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const left = deadline - now
      if (left <= 0)
        return Effect.fail(
          noConnection(`the database gave no connection within ${this.config.connectTimeout} ms`, "ETIMEOUT")
        )
      const member = this.idle.pop()
      if (member === undefined) return this.open(left, restore)
      if (!member.connection.isIdle() || !this.isYoung(member, now)) {
        member.connection.close()
        return this.member(deadline, restore)
      }
      if (now - member.idleSince < TRUSTED_FOR) return Effect.succeed(member)
      return restore(member.connection.batch("SELECT 1", Math.min(LOOK_WITHIN, left))).pipe(
        Effect.as(member),
        Effect.onInterrupt(() => Effect.sync(() => member.connection.close())),
        Effect.catchAll(() => {
          member.connection.close()
          this.renew()
          return this.member(deadline, restore)
        })
      )
    })
  }

  private open(within: number, restore: Restore): Effect.Effect<Member, SqlError> {
    return Effect.suspend(() => {
      const generation = this.generation
      let gone = () => {}
      return restore(MssqlConnection.open(this.config, within, this.ca, () => gone())).pipe(
        Effect.zip(Clock.currentTimeMillis),
        Effect.map(([connection, now]) => {
          const member: Member = { connection, openedAt: now, idleSince: now, generation }
          gone = () => this.forget(member)
          if (this.closed) connection.close()
          if (connection.isOpen()) this.members.add(member)
          return member
        }),
        Effect.tapError((error) => Effect.sync(() => isFailover(error.cause) && this.renew()))
      )
    })
  }

  /** What is left of a cancelled statement or an unfinished transaction is rolled back, or the connection closed. */
  private release(member: Member): Effect.Effect<void> {
    const { connection } = member
    return Effect.gen(this, function* () {
      if (connection.isOpen() && !connection.isIdle()) {
        yield* Effect.ignore(connection.rollback)
      }
      const now = yield* Clock.currentTimeMillis
      if (!this.closed && connection.isIdle() && this.isYoung(member, now)) {
        member.idleSince = now
        this.idle.push(member)
        return
      }
      // It broke while it was in use: the others lead to the same server.
      if (!connection.isOpen() && member.generation === this.generation && !this.closed) this.renew()
      connection.close()
    })
  }

  private forget(member: Member): void {
    this.members.delete(member)
    if (this.closed && this.members.size === 0) Deferred.unsafeDone(this.emptied, Effect.void)
    const at = this.idle.indexOf(member)
    if (at < 0) return
    this.idle.splice(at, 1)
    // Closed by the other side while nobody used it.
    if (!this.closed && member.generation === this.generation) this.renew()
  }

  private isYoung(member: Member, now: number): boolean {
    return member.generation === this.generation && now - member.openedAt < AGE_AT_MOST
  }
}
