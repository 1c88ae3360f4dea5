import type { Effect, Exit, Scope } from "effect"
import type { Behaviour } from "./Behaviour.ts"
import type { Cell, Status } from "./Cell.ts"
import { LocalSupervisor } from "./LocalSupervisor.ts"
import type { SupervisorOptions } from "./SupervisorOptions.ts"

/** What became of a message. Only an accepted one is the supervisor's: the caller settles any other itself. */
export type Posted = "accepted" | "full" | "unknown" | "parked" | "draining"

/**
 * Owns the actors of one kind: a cell and a resident fiber each, restarted when they crash, parked when they keep
 * crashing, held when so many crash that the cause must be shared. All but `drain` is synchronous and may be called
 * outside of a fiber, also from within a behaviour's hooks.
 */
export interface Supervisor<S, M extends {}, R = never> {
  /**
   * Starts an actor; without a state it loads one first. If there is one already, that is given, and `state` ignored.
   * Undefined while draining.
   */
  readonly spawn: (id: string, state?: S) => Cell<S, M> | undefined
  /** Puts a request into the actor's mailbox. */
  readonly post: (id: string, message: M) => Posted
  /**
   * Puts a message into the system lane, also while draining. Of a `kind` other than 0 only the latest waits; an older
   * one is dropped, so it must not carry a reply.
   */
  readonly system: (
    target: string | Cell<S, M>,
    kind: number,
    message: M
  ) => Exclude<Posted, "full" | "draining">
  /**
   * Runs work that takes time beside the actor, with the services that the supervisor was made with. However it ends,
   * `toMessage` turns the exit into a message for the system lane (and must not throw); it is refused if the actor is
   * parked or stopped by then. Stopping the actor interrupts it, a crash does not. With `until` (milliseconds, on the
   * line of Now.ts) only its `Effect.interruptible` parts can be interrupted, and are so then; it goes on behind them.
   */
  readonly runJob: <A, E>(
    cell: Cell<S, M>,
    effect: Effect.Effect<A, E, R>,
    toMessage: (exit: Exit.Exit<A, E>) => M,
    until?: number
  ) => void
  /** Monotonic milliseconds: the time line of `arm` and of all hooks. */
  readonly now: () => number
  /** Calls the behaviour's `due` at this time, and not at the one armed before. Ignored unless the actor is running. */
  readonly arm: (cell: Cell<S, M>, due: number) => void
  /** Calls off what was armed. */
  readonly disarm: (cell: Cell<S, M>) => void
  /** Ends the actor: its jobs are interrupted, what waits is refused as `draining`, its id is free again. */
  readonly stop: (cell: Cell<S, M>) => void
  /** Tries a parked actor again now, with a clean record. False if it is not parked. */
  readonly unpark: (id: string) => boolean
  readonly cell: (id: string) => Cell<S, M> | undefined
  readonly count: () => number
  readonly countOf: (status: Status) => number
  /** True while restarts are held because too many actors crashed at once. */
  readonly circuitOpen: () => boolean
  /**
   * Takes no more requests, lets the actors finish what waits and their jobs, at most until the deadline, then stops
   * them all: what is left is refused. Closing the scope does the same without waiting for anything but interruption.
   */
  readonly drain: (deadlineMs: number) => Effect.Effect<void>
}

/** A supervisor that lives as long as the scope. The behaviour is given it, to arm timers and start jobs. */
export const make = <S, M extends {}, R = never>(
  behaviour: (supervisor: Supervisor<S, M, R>) => Behaviour<S, M>,
  options: Partial<SupervisorOptions> = {}
): Effect.Effect<Supervisor<S, M, R>, never, R | Scope.Scope> => LocalSupervisor.make(behaviour, options)
