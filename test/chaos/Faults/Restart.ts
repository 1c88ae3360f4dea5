import { Effect } from "effect"
import type { Fault } from "../Fault.ts"

/** An update: stopped in good order, started again. */
export const restart: Fault = {
  name: "SIGTERM",
  weight: 2,
  run: ({ victim }) => victim.alone(Effect.zipRight(victim.stop, victim.start))
}
