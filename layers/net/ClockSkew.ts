/** Milliseconds by which clocks may differ: less is common, and nothing that ENS does minds it. */
export const SKEW_ALLOWED = 120_000

/** A peer's clock is looked at at most once in so many milliseconds. */
export const LOOK_EVERY = 60_000

/**
 * What an answer's header `Date` says about our clock, in words for a log; undefined if nothing is wrong, or there is none.
 * `now`: milliseconds since 1970, when the answer came.
 */
export const skewTold = (date: string | undefined, now: number): string | undefined => {
  if (date === undefined) return undefined
  const ahead = Date.parse(date) - now
  // The header has whole seconds.
  if (!(Math.abs(ahead) > SKEW_ALLOWED + 1_000)) return undefined
  return `its clock is ${span(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} ours`
}

const span = (milliseconds: number): string => {
  const minutes = Math.round(milliseconds / 60_000)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`
}
