import { Context, Effect, Effectable, type Exit, FiberRef, Runtime, type Scheduler } from "effect"
import { ActorScheduler } from "./ActorScheduler.ts"
import { cleanRuntime } from "./CleanRuntime.ts"
import type { Parked } from "./Mailbox.ts"

/** What a resident fiber runs, for any of the actors `C`. */
export interface ResidentHooks<C> {
  /** Runs once, before the first turn. */
  readonly begin: (actor: C) => void
  /** Does what there is to do, up to a limit. False ends the fiber. */
  readonly turn: (actor: C) => boolean
  /** Keeps the fiber, to be resumed when there is something to do; resumes it at once if there is already. */
  readonly park: (actor: C, fiber: Parked) => void
  /** The fiber is gone: `turn` returned false, something threw, or it was interrupted from outside. */
  readonly ended: (actor: C, exit: Exit.Exit<void>) => void
}

/**
 * Gives a function that starts an actor's resident fiber. Such a fiber costs about 1 KB while parked, most of it Effect's
 * own: all share one set of fiber refs (each would keep a copy), one scheduler and one effect to park by, and their loop
 * holds no scope, race, timeout, span or continuation, because whatever wraps a parked loop is kept once per actor.
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
    const park = parkingPlace((resident: Resident<C>) => hooks.park(resident.actor, resident))
    return (actor) => {
      const resident = new Resident(actor, hooks.turn, park)
      const life = Effect.suspend(() => {
        hooks.begin(actor)
        return resident
      })
      fork(life, sharing).addObserver((exit) => hooks.ended(actor, exit))
    }
  })

type Signal = (effect: Effect.Effect<void>) => void

/** The loop of one actor's fiber, and the handle to its fiber while that is parked. */
class Resident<C> extends Effectable.Class<void> implements Parked {
  readonly actor: C
  private readonly turn: (actor: C) => boolean
  private readonly park: (resident: Resident<C>) => Effect.Effect<void>
  /** Set while the fiber is parked. */
  signal: Signal | undefined

  constructor(actor: C, turn: (actor: C) => boolean, park: (resident: Resident<C>) => Effect.Effect<void>) {
    super()
    this.actor = actor
    this.turn = turn
    this.park = park
    this.signal = undefined
  }

  commit(): Effect.Effect<void> {
    return this.turn(this.actor) ? this.park(this) : Effect.void
  }

  resume(): void {
    this.goOn(this)
  }

  die(defect: unknown): void {
    this.goOn(Effect.die(defect))
  }

  private goOn(effect: Effect.Effect<void>): void {
    const { signal } = this
    this.signal = undefined
    signal?.(effect)
  }
}

/** One effect for all: an `Effect.async` of its own would cost each parked fiber 290 bytes. */
const parkingPlace = <C>(parked: (resident: Resident<C>) => void) => {
  let arriving: Resident<C> | undefined
  const park = Effect.async<void>((signal) => {
    const resident = arriving
    if (resident === undefined) throw new Error("a fiber parks that did not say whose it is")
    arriving = undefined
    resident.signal = signal
    parked(resident)
  })
  return (resident: Resident<C>): Effect.Effect<void> => {
    // The fiber goes on with `park` before anything else can run.
    arriving = resident
    return park
  }
}
