import { Effect, type Exit, FiberId, Runtime, RuntimeFlags, type Scope } from "effect"
import { type Alarm, Alarms } from "./Alarms.ts"
import type { Cell } from "./Cell.ts"
import { cleanRuntime } from "./CleanRuntime.ts"

/** Work beside the resident fibers, each piece owned by a cell, on one clean runtime that holds the services. */
export class Jobs<R> {
  private readonly fork: Fork<R>
  /** Forks fibers that can only be interrupted where they say so. */
  private readonly forkFirm: Fork<R>
  private readonly alarms: Alarms
  private count = 0

  static make<R>(): Effect.Effect<Jobs<R>, never, R | Scope.Scope> {
    return Effect.zipWith(cleanRuntime<R>(), Alarms.make, (runtime, alarms) => new Jobs(runtime, alarms))
  }

  private constructor(runtime: Runtime.Runtime<R>, alarms: Alarms) {
    this.fork = Runtime.runFork(runtime)
    this.forkFirm = Runtime.runFork(Runtime.disableRuntimeFlag(runtime, RuntimeFlags.Interruption))
    this.alarms = alarms
  }

  /** How many are running. */
  get running(): number {
    return this.count
  }

  /**
   * Starts the effect for the cell, after the caller's turn. `done` is called once, however it ends. With `until`
   * (milliseconds, on the line of Now.ts) it can be interrupted only in its `Effect.interruptible` parts, and is so then:
   * it goes on behind that part, and costs no fiber that waits.
   */
  start<A, E, S, M extends {}>(
    cell: Cell<S, M>,
    effect: Effect.Effect<A, E, R>,
    done: (exit: Exit.Exit<A, E>) => void,
    until?: number
  ): void {
    const fiber = (until === undefined ? this.fork : this.forkFirm)(effect, { immediate: false })
    let alarm: Alarm | undefined
    this.count++
    cell.jobs ??= new Set()
    cell.jobs.add(fiber)
    fiber.addObserver((exit) => {
      alarm?.cancel()
      this.count--
      cell.jobs?.delete(fiber)
      if (cell.jobs?.size === 0) cell.jobs = undefined
      done(exit)
    })
    if (until !== undefined) alarm = this.alarms.set(until, () => fiber.unsafeInterruptAsFork(FiberId.none))
  }

  /** Interrupts what runs for the cell, without waiting for it. */
  interrupt<S, M extends {}>(cell: Cell<S, M>): void {
    if (cell.jobs === undefined) return
    for (const fiber of cell.jobs) fiber.unsafeInterruptAsFork(FiberId.none)
  }
}

type Fork<R> = ReturnType<typeof Runtime.runFork<R>>
