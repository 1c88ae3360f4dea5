import { Effect } from "effect"
import type { Fault } from "../Fault.ts"

/** Every commit takes a good part of a second. */
export const slowDisk: Fault = {
  name: "slow fsync",
  survives: true,
  run: ({ journal, minutes, victim }, random) =>
    Effect.acquireUseRelease(
      Effect.map(victim.tamper({ commit: Math.round(random.between(50, 600)) }), () => journal.unwritable()),
      () => Effect.sleep(minutes(random.between(1, 6))),
      (writable) => Effect.zipRight(victim.tamper({ commit: 0 }), Effect.sync(writable))
    )
}
