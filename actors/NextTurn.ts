import { Effect } from "effect"

/** Goes on after I/O was served, which `Effect.yieldNow` does not wait for. No clock is asked. */
export const nextTurn: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})
