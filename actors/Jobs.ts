import { Effect, type Exit, FiberId, Runtime } from "effect"
import type { Cell } from "./Cell.ts"
import { cleanRuntime } from "./CleanRuntime.ts"

/** Work beside the resident fibers, each piece owned by a cell, on one clean runtime that holds the services. */
export class Jobs<R> {
  private readonly fork: ReturnType<typeof Runtime.runFork<R>>
  private count = 0

  static make<R>(): Effect.Effect<Jobs<R>, never, R> {
    return Effect.map(cleanRuntime<R>(), (runtime) => new Jobs(Runtime.runFork(runtime)))
  }

  private constructor(fork: ReturnType<typeof Runtime.runFork<R>>) {
    this.fork = fork
  }

  /** How many are running. */
  get running(): number {
    return this.count
  }

  /** Starts the effect for the cell, after the caller's turn. `done` is called once, however it ends. */
  start<A, E, S, M extends {}>(
    cell: Cell<S, M>,
    effect: Effect.Effect<A, E, R>,
    done: (exit: Exit.Exit<A, E>) => void
  ): void {
    const fiber = this.fork(effect, { immediate: false })
    this.count++
    cell.jobs ??= new Set()
    cell.jobs.add(fiber)
    fiber.addObserver((exit) => {
      this.count--
      cell.jobs?.delete(fiber)
      if (cell.jobs?.size === 0) cell.jobs = undefined
      done(exit)
    })
  }

  /** Interrupts what runs for the cell, without waiting for it. */
  interrupt<S, M extends {}>(cell: Cell<S, M>): void {
    if (cell.jobs === undefined) return
    for (const fiber of cell.jobs) fiber.unsafeInterruptAsFork(FiberId.none)
  }
}
