/** After falling silent a device is asked to register at once, after 30 min and 2 h, then daily for 14 days (contract section 3). */

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const FIRST = [0, 30 * MINUTE, 120 * MINUTE] as const

export const NUDGES = FIRST.length + 14

/** Milliseconds after the silence was noticed at which the nudge with this number (from 0) is due; undefined = no more. */
export const nudgeAfter = (nudge: number): number | undefined =>
  nudge < FIRST.length ? FIRST[nudge] : nudge < NUDGES ? (nudge - FIRST.length + 1) * DAY : undefined

/** When a subscription that stays silent is given up. */
export const LOST_AFTER = 15 * DAY
