import { Effect, Random } from "effect"
import { isFinal, type Verdict } from "../../schemas/Push.ts"

/** So often a notification is tried again at most, however much time is left. */
export const RETRIES_MAX = 6

/** Milliseconds of the first pause of our own, and of the longest after doubling. */
export const PAUSE_FIRST = 250
export const PAUSE_LONGEST = 4_000

export interface Retrying {
  readonly once: Effect.Effect<Verdict>
  /** The last moment at which a try may begin, on the line of `now` (milliseconds). */
  readonly until: number
  readonly now: () => number
  /** Milliseconds until another try makes sense after this verdict; undefined: none does soon. */
  readonly pause: (verdict: Verdict) => number | undefined
  /** Called before every further try. */
  readonly onRetry: () => void
}

/**
 * The one place where a notification is tried again: after the time that the gateway asks for, and besides after pauses
 * that double, each somewhat random, so that those who wait do not come back at once. What would begin after `until` is
 * not waited for: its last verdict is the answer. Whoever is interrupted leaves nothing behind.
 */
export const persistently = (retrying: Retrying): Effect.Effect<Verdict> => attempt(retrying, 0)

const attempt = (retrying: Retrying, retries: number): Effect.Effect<Verdict> =>
  Effect.flatMap(retrying.once, (verdict) => {
    const asked = isFinal(verdict) || retries >= RETRIES_MAX ? undefined : retrying.pause(verdict)
    if (asked === undefined || retrying.now() + asked >= retrying.until) return Effect.succeed(verdict)
    return Effect.flatMap(Random.next, (random) => {
      const own = Math.min(PAUSE_FIRST * 2 ** retries, PAUSE_LONGEST)
      const pause = asked + own * (0.5 + random / 2)
      if (retrying.now() + pause >= retrying.until) return Effect.succeed(verdict)
      return Effect.zipRight(
        Effect.sleep(pause),
        Effect.suspend(() => {
          retrying.onRetry()
          return attempt(retrying, retries + 1)
        })
      )
    })
  })
