import { Effect, Runtime } from "effect"
import { cleanRuntime } from "./CleanRuntime.ts"
import { brokenHooks, countOne } from "./SupervisorMetrics.ts"

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

/** Kind and place of a defect without its text, which may quote what it stumbled over. */
const whereabouts = (defect: unknown): string => {
  if (!(defect instanceof Error)) return typeof defect
  const frames = (defect.stack ?? "").split("\n").filter((line) => line.startsWith("    at "))
  return [defect.name, ...frames.slice(0, 4).map((line) => line.trim())].join(" ")
}
