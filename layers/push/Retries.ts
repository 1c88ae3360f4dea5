import { isFinal, type Verdict } from "../../schemas/Push.ts"

/** So often a notification is tried again at most, however much time is left. */
export const RETRIES_MAX = 6

/** Milliseconds of the first pause of our own, and of the longest after doubling. */
export const PAUSE_FIRST = 250
export const PAUSE_LONGEST = 4_000

/**
 * When to try again: after the time that the gateway asks for, and besides after pauses that double, each somewhat random
 * (`random`: from 0 to 1), so that those who wait do not come back at once. Milliseconds; undefined: there is no sense in
 * it, or it would be too late. `asked`: how long to wait at least after this verdict, undefined for not at all; `left`:
 * until when a try may begin.
 */
export const retryPause = (
  verdict: Verdict,
  {
    asked,
    left,
    random,
    retries
  }: {
    readonly asked: number | undefined
    readonly left: number
    readonly random: number
    readonly retries: number
  }
): number | undefined => {
  if (isFinal(verdict) || asked === undefined || retries >= RETRIES_MAX) return undefined
  const own = Math.min(PAUSE_FIRST * 2 ** retries, PAUSE_LONGEST)
  const pause = asked + own * (0.5 + random / 2)
  return pause < left ? pause : undefined
}
