import { Effect } from "effect"
import type { Fault } from "../Fault.ts"

const HOUR = 3_600_000

/** The wall clock is an hour wrong for a while; now and then the service is restarted meanwhile, and so believes it. */
export const clockStep: Fault = {
  name: "clock off by an hour",
  survives: true,
  run: ({ minutes, victim }, random) => {
    const restarted = Effect.zipRight(victim.stop, victim.start).pipe(victim.alone)
    const wrong = Effect.sleep(minutes(random.between(0.5, 2)))
    return Effect.acquireUseRelease(
      victim.tamper({ clock: random.happens(0.5) ? HOUR : -HOUR }),
      () => (random.happens(0.5) ? Effect.zipRight(restarted, wrong) : wrong),
      () => victim.tamper({ clock: 0 })
    )
  }
}
