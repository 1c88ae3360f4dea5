import { Effect } from "effect"
import type { Fault } from "../Fault.ts"

/** ENS is away for longer than Exchange repeats a callback: some subscriptions die, and only phones can bring them back. */
export const longDown: Fault = {
  name: "down for 9 min",
  most: 1,
  ends: true,
  run: ({ minutes, victim }) =>
    victim.alone(Effect.zipRight(victim.kill, Effect.zipRight(Effect.sleep(minutes(9)), victim.start)))
}
