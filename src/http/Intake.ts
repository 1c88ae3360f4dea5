import { Context, Effect, Layer } from "effect"

/** Whether this process still takes requests. Closing is for good: the process is about to end. */
export class Intake extends Context.Tag("ens/Intake")<
  Intake,
  {
    /** False while draining: callbacks get 503, `readyz` says so, connections are closed after their answer. */
    readonly isOpen: () => boolean
    readonly close: Effect.Effect<void>
  }
>() {}

export const layer: Layer.Layer<Intake> = Layer.sync(Intake, () => {
  let open = true
  return {
    isOpen: () => open,
    close: Effect.sync(() => {
      open = false
    })
  }
})
