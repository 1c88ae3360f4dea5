import { SqlError } from "@effect/sql/SqlError"
import { Clock, Deferred, Duration, Effect, FiberId, type Scope } from "effect"
import * as MssqlConnection from "./MssqlConnection.ts"
import { isFailover, MssqlFailure } from "./MssqlTrouble.ts"
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

/** ms: a ROLLBACK or a look at a connection may take, and running statements get when the pool closes. */
const LOOK_WITHIN = 2000
const CLOSE_WITHIN = 1000
const SWEEP_EVERY = 30_000

/** Closes with its scope. `ca`: PEM text. */
export const make = (config: MssqlConfig, ca?: string): Effect.Effect<MssqlPool, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pool = new Pool(config, ca)
    yield* Effect.addFinalizer(() => pool.end)
    yield* pool.sweep.pipe(Effect.delay(Duration.millis(SWEEP_EVERY)), Effect.forever, Effect.forkScoped)
    return { acquire: pool.acquire, renew: () => pool.renew(), size: () => pool.members.size }
  })

interface Member {
  readonly connection: MssqlConnection.MssqlConnection
  readonly openedAt: number
  readonly generation: number
  idleSince: number
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

interface Waiter {
  readonly turn: Deferred.Deferred<void>
  granted: boolean
}

class Pool {
  readonly members = new Set<Member>()
  private readonly config: MssqlConfig
  private readonly ca: string | undefined
  private readonly waiters: Array<Waiter> = []
  private idle: Array<Member> = []
  private free: number
  private generation = 0
  private closed = false

  constructor(config: MssqlConfig, ca: string | undefined) {
    this.config = config
    this.ca = ca
    this.free = config.poolSize
  }

  /** Whoever has a turn takes an idle connection first, so there are never more connections than turns. */
  readonly acquire = Effect.uninterruptibleMask((restore) =>
    Effect.gen(this, function* () {
      const began = yield* Clock.currentTimeMillis
      yield* this.turn(restore)
      const member = yield* this.member(began + this.config.connectTimeout, restore).pipe(
        Effect.onError(() => Effect.sync(() => this.giveTurn()))
      )
      yield* Effect.addFinalizer(() =>
        Effect.ensuring(
          this.release(member),
          Effect.sync(() => this.giveTurn())
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
    for (const waiter of this.waiters.splice(0)) Deferred.unsafeDone(waiter.turn, Effect.void)
    this.renew()
    const deadline = (yield* Clock.currentTimeMillis) + CLOSE_WITHIN
    while (this.members.size > 0 && (yield* Clock.currentTimeMillis) < deadline)
      yield* Effect.sleep("10 millis")
    for (const member of this.members) member.connection.close()
  })

  private turn(restore: Restore) {
    return Effect.suspend(() => {
      if (this.closed) return Effect.fail(busy("the connections to the database are closed", "ECONNCLOSED"))
      if (this.free > 0) {
        this.free--
        return Effect.void
      }
      const waiter: Waiter = { turn: Deferred.unsafeMake(FiberId.none), granted: false }
      this.waiters.push(waiter)
      const left = () => {
        const at = this.waiters.indexOf(waiter)
        if (at >= 0) this.waiters.splice(at, 1)
      }
      return restore(
        Effect.timeoutOption(Deferred.await(waiter.turn), Duration.millis(this.config.connectTimeout))
      ).pipe(
        Effect.onInterrupt(() => Effect.sync(() => (waiter.granted ? this.giveTurn() : left()))),
        // The turn may have come at the last moment, so it is the mark that counts.
        Effect.flatMap(() => {
          if (waiter.granted) return Effect.void
          left()
          return Effect.fail(
            this.closed
              ? busy("the connections to the database are closed", "ECONNCLOSED")
              : busy(`all ${this.config.poolSize} connections to the database were in use`, "EBUSY")
          )
        })
      )
    })
  }

  private giveTurn(): void {
    const next = this.waiters.shift()
    if (next === undefined) {
      this.free++
      return
    }
    next.granted = true
    Deferred.unsafeDone(next.turn, Effect.void)
  }

  private member(deadline: number, restore: Restore): Effect.Effect<Member, SqlError> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const left = deadline - now
      if (left <= 0)
        return Effect.fail(
          busy(`the database gave no connection within ${this.config.connectTimeout} ms`, "ETIMEOUT")
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
        yield* Effect.ignore(connection.batch("IF @@TRANCOUNT > 0 ROLLBACK TRAN", LOOK_WITHIN))
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

const busy = (message: string, code: string) =>
  new SqlError({
    message: "no connection to the database",
    cause: new MssqlFailure({ message, code, sent: false })
  })
