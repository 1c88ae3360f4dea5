import { Effect, Schema } from "effect"
import type { ServerPort } from "./ServerPort.ts"
import type { Timers } from "./Timers.ts"

/** Refuses connections for `seconds`; with `times`, again and again, with `upSeconds` in between. */
export const Outage = Schema.Struct({
  seconds: Schema.Number.pipe(Schema.positive()),
  upSeconds: Schema.optionalWith(Schema.Number.pipe(Schema.positive()), { default: () => 1 }),
  times: Schema.optionalWith(Schema.Int.pipe(Schema.positive()), { default: () => 1 })
})
export type Outage = typeof Outage.Type

/** Plays an outage to its end. A port that somebody has taken meanwhile is tried again until it is free. */
export const playOutage = (
  listener: Pick<ServerPort, "up" | "down">,
  timers: Timers,
  outage: Outage
): Effect.Effect<void> => {
  const wait = (seconds: number) => Effect.promise(() => timers.sleep(seconds * 1000))
  const listenAgain = Effect.eventually(Effect.tapError(listener.up, () => wait(0.1)))
  const once = listener.down.pipe(Effect.zipRight(wait(outage.seconds)), Effect.zipRight(listenAgain))
  return once.pipe(
    Effect.zipRight(outage.times > 1 ? wait(outage.upSeconds) : Effect.void),
    Effect.repeatN(outage.times - 1)
  )
}
