import { Context, Effect, type Exit, FiberRef, Runtime, type Scheduler } from "effect"
import { ActorScheduler } from "./ActorScheduler.ts"
import { cleanRuntime } from "./CleanRuntime.ts"
import type { Signal } from "./Mailbox.ts"

/** What a resident fiber runs, for any of the actors `C`. */
export interface ResidentHooks<C> {
  /** Runs once, before the first turn. */
  readonly begin: (actor: C) => void
  /** Does what there is to do, up to a limit. False ends the fiber. */
  readonly turn: (actor: C) => boolean
  /** Keeps `signal` to be called when there is something to do; calls it at once if there is already. */
  readonly park: (actor: C, signal: Signal) => void
  /** The fiber is gone: `turn` returned false, something threw, or it was interrupted from outside. */
  readonly ended: (actor: C, exit: Exit.Exit<void>) => void
}

/**
 * Gives a function that starts an actor's resident fiber. Such a fiber costs about 1.5 KB while parked: all share one
 * set of fiber refs (each would keep a copy) and one scheduler, and their loop holds no scope, race, timeout or span,
 * because whatever wraps a parked loop is kept once per actor.
 */
export const residents = <C>(hooks: ResidentHooks<C>): Effect.Effect<(actor: C) => void> =>
  Effect.map(cleanRuntime<never>(), (runtime) => {
    const scheduler: Scheduler.Scheduler = new ActorScheduler()
    const lean = runtime.pipe(
      Runtime.updateContext(() => Context.empty()),
      Runtime.setFiberRef(FiberRef.currentScheduler, scheduler)
    )
    const fork = Runtime.runFork(lean)
    const sharing = { updateRefs: () => lean.fiberRefs }
    return (actor) => {
      const park = Effect.async<void>((signal) => hooks.park(actor, signal))
      const loop: Effect.Effect<void> = Effect.flatMap(park, () => (hooks.turn(actor) ? loop : Effect.void))
      const life = Effect.flatMap(
        Effect.sync(() => hooks.begin(actor)),
        () => loop
      )
      fork(life, sharing).addObserver((exit) => hooks.ended(actor, exit))
    }
  })
