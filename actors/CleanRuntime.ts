import { Context, Effect, FiberRef, Option, Runtime, RuntimeFlags, Scope, Tracer } from "effect"

/**
 * The runtime at hand without what belongs to the moment of asking: no scope, span or log annotations, interruptible.
 * Fibers that outlive their creator are forked from it, because forking copies everything that is set, and keeps it.
 *
 * The runtime logs no failure of such a fiber: whoever forks it observes its exit.
 */
export const cleanRuntime = <R>(): Effect.Effect<Runtime.Runtime<R>, never, R> =>
  Effect.map(Effect.runtime<R>(), (runtime) =>
    runtime.pipe(
      Runtime.updateContext((context) =>
        Context.omit(
          Scope.Scope,
          Tracer.ParentSpan
        )(context as Context.Context<R | Scope.Scope | Tracer.ParentSpan>)
      ),
      Runtime.enableRuntimeFlag(RuntimeFlags.Interruption),
      // Effect counts fibers and how long they live: for short ones that is much of what they cost.
      Runtime.disableRuntimeFlag(RuntimeFlags.RuntimeMetrics),
      Runtime.deleteFiberRef(FiberRef.currentRuntimeFlags),
      Runtime.deleteFiberRef(FiberRef.interruptedCause),
      Runtime.deleteFiberRef(FiberRef.currentLogAnnotations),
      Runtime.deleteFiberRef(FiberRef.currentLogSpan),
      Runtime.deleteFiberRef(FiberRef.currentTracerSpanAnnotations),
      Runtime.deleteFiberRef(FiberRef.currentTracerSpanLinks),
      Runtime.setFiberRef(FiberRef.unhandledErrorLogLevel, Option.none())
    )
  ) as Effect.Effect<Runtime.Runtime<R>, never, R>
