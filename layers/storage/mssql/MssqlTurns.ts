import { SqlError } from "@effect/sql/SqlError"
import { Deferred, Duration, Effect, FiberId } from "effect"
import { MssqlFailure } from "./MssqlTrouble.ts"

/** Gives an effect the interruptibility of the region that the mask was put on. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** So many callers have a turn at a time; the others get theirs in the order they came, or fail after `within` ms. */
export class MssqlTurns {
  private readonly size: number
  private readonly within: number
  private readonly waiters: Array<Waiter> = []
  private free: number
  private ended = false

  constructor(size: number, within: number) {
    this.size = size
    this.within = within
    this.free = size
  }

  /** Run it uninterruptibly, and `give` once for each turn taken. */
  take(restore: Restore): Effect.Effect<void, SqlError> {
    return Effect.suspend(() => {
      if (this.ended) return Effect.fail(closed())
      if (this.free > 0) {
        this.free--
        return Effect.void
      }
      const waiter: Waiter = { turn: Deferred.unsafeMake(FiberId.none), granted: false }
      this.waiters.push(waiter)
      return restore(Effect.timeoutOption(Deferred.await(waiter.turn), Duration.millis(this.within))).pipe(
        Effect.onInterrupt(() => Effect.sync(() => (waiter.granted ? this.give() : this.leave(waiter)))),
        // The turn may have come at the last moment, so it is the mark that counts.
        Effect.flatMap(() => {
          if (waiter.granted) return Effect.void
          this.leave(waiter)
          return Effect.fail(
            this.ended
              ? closed()
              : noConnection(`all ${this.size} connections to the database were in use`, "EBUSY")
          )
        })
      )
    })
  }

  give(): void {
    const next = this.waiters.shift()
    if (next === undefined) {
      this.free++
      return
    }
    next.granted = true
    Deferred.unsafeDone(next.turn, Effect.void)
  }

  /** Whoever waits fails at once, and whoever comes. */
  end(): void {
    this.ended = true
    for (const waiter of this.waiters.splice(0)) Deferred.unsafeDone(waiter.turn, Effect.void)
  }

  private leave(waiter: Waiter): void {
    const at = this.waiters.indexOf(waiter)
    if (at >= 0) this.waiters.splice(at, 1)
  }
}

interface Waiter {
  readonly turn: Deferred.Deferred<void>
  granted: boolean
}

/** A caller gets no connection; nothing was sent. */
export const noConnection = (message: string, code: string): SqlError =>
  new SqlError({
    message: "no connection to the database",
    cause: new MssqlFailure({ message, code, sent: false })
  })

const closed = () => noConnection("the connections to the database are closed", "ECONNCLOSED")
