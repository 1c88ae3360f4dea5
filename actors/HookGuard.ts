import { Effect, Runtime } from "effect"
import { cleanRuntime } from "./CleanRuntime.ts"
import { brokenHooks, countOne } from "./SupervisorMetrics.ts"
import { whereabouts } from "./Whereabouts.ts"

/** Calls a hook that must not throw. If it does all the same, one message suffers and not the supervisor. */
export type HookGuard = (name: string, hook: () => void) => void

export const hookGuard: Effect.Effect<HookGuard> = Effect.map(cleanRuntime<never>(), (runtime) => {
  const fork = Runtime.runFork(runtime)
  return (name, hook) => {
    try {
      hook()
    } catch (defect) {
      countOne(brokenHooks)
      fork(Effect.logError("a hook of an actor threw", { hook: name, where: whereabouts(defect) }))
    }
  }
})
