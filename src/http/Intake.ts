import { Context, Effect, Layer } from "effect"
import type { Pressure } from "./Overload.ts"

/** Whether, and how much, this process takes of what comes in. */
export class Intake extends Context.Tag("ens/Intake")<
  Intake,
  {
    /** False while draining: callbacks get 503, `readyz` says so, connections are closed after their answer. */
    readonly isOpen: () => boolean
    /** For good: the process is about to end. */
    readonly close: Effect.Effect<void>
    /** What has to be refused at the moment for the sake of the rest; health checks never are. */
    readonly pressure: () => Pressure
    /** For whoever measures it. */
    readonly press: (pressure: Pressure) => void
  }
>() {}

/** Open, and under no pressure until somebody measures one. */
export const layer: Layer.Layer<Intake> = Layer.sync(Intake, () => {
  let open = true
  let pressure: Pressure = "none"
  return {
    isOpen: () => open,
    close: Effect.sync(() => {
      open = false
    }),
    pressure: () => pressure,
    press: (now) => {
      pressure = now
    }
  }
})
