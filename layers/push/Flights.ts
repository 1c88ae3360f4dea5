import {
  Effect,
  type Exit,
  Fiber,
  FiberId,
  FiberRef,
  Option,
  Runtime,
  RuntimeFlags,
  type Scope
} from "effect"
import type { PushNotification, Verdict } from "../../schemas/Push.ts"
import * as Deadlines from "./Deadlines.ts"
import type { Gateway } from "./Gateway.ts"

/** What became of a request; undefined: nothing in all the time that it may take. */
export type Landing = Exit.Exit<ReadonlyArray<Verdict>> | undefined

/** Ends what was begun; nothing happens if it is over. */
export type Abandon = () => void

/** Requests that are under way to a gateway. */
export interface Flights {
  /** `landed` is called once, perhaps before this returns. */
  readonly start: (batch: ReadonlyArray<PushNotification>, landed: (landing: Landing) => void) => void
  /** For what is to be done on the side. */
  readonly run: (effect: Effect.Effect<void>) => Abandon
}

/**
 * Each request has a fiber of its own, observed by plain callbacks, because this is done for every notification. One that
 * takes longer than `longest` milliseconds is given up. Those that are under way when the scope closes are interrupted.
 */
export const make = Effect.fnUntraced(function* (
  gateway: Gateway,
  longest: number
): Effect.fn.Return<Flights, never, Scope.Scope> {
  const deadlines = yield* Deadlines.make(longest)
  const runtime = yield* Effect.runtime<never>()
  const fork = Runtime.runFork(
    runtime.pipe(
      Runtime.enableRuntimeFlag(RuntimeFlags.Interruption),
      // Effect's own metrics of fibers are much of what a short one costs.
      Runtime.disableRuntimeFlag(RuntimeFlags.RuntimeMetrics),
      // Who observes a crash tells of it, without its words: they may quote a mail.
      Runtime.setFiberRef(FiberRef.unhandledErrorLogLevel, Option.none())
    )
  )
  const fibers = new Set<Fiber.RuntimeFiber<unknown>>()
  yield* Effect.addFinalizer(() => Effect.suspend(() => Fiber.interruptAll(fibers)))

  const observed = <A>(effect: Effect.Effect<A>, done: (exit: Exit.Exit<A>) => void) => {
    const fiber = fork(effect)
    fibers.add(fiber)
    fiber.addObserver((exit) => {
      fibers.delete(fiber)
      done(exit)
    })
    return fiber
  }

  return {
    start: (batch, landed) => {
      let isOver = false
      const end = (landing: Landing) => {
        if (isOver) return
        isOver = true
        landed(landing)
      }
      let unwatch = () => {}
      const fiber = observed(gateway.send(batch), (exit) => {
        unwatch()
        end(exit)
      })
      if (isOver) return
      unwatch = deadlines.watch(() => {
        end(undefined)
        fiber.unsafeInterruptAsFork(FiberId.none)
      })
    },
    run: (effect) => {
      const fiber = observed(effect, () => {})
      return () => fiber.unsafeInterruptAsFork(FiberId.none)
    }
  }
})
