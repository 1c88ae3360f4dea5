import { Effect } from "effect"
import type { Fault } from "../Fault.ts"

/** The process is gone in the middle of whatever it does. */
export const kill: Fault = {
  name: "kill -9",
  weight: 3,
  run: ({ victim }) => victim.alone(Effect.zipRight(victim.kill, victim.start))
}
