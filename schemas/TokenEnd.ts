/** When a token ends; null = not by itself. Milliseconds since 1970. */
export interface TokenEnd {
  readonly expiresAt: number | null
}

/** Whether it proves nothing any more. */
export const hasEnded = ({ expiresAt }: TokenEnd, now: number): boolean =>
  expiresAt !== null && expiresAt <= now

/**
 * Whether it ends within a week although somebody has shown it within the last week, and since there is another one: phones
 * still have the old profile.
 */
export const isNeededBeyondEnd = (
  {
    expiresAt,
    lastUsedAt,
    replacedAt
  }: TokenEnd & { readonly lastUsedAt: number | null; readonly replacedAt: number | null },
  now: number
): boolean =>
  expiresAt !== null &&
  expiresAt > now &&
  expiresAt - now <= WEEK &&
  lastUsedAt !== null &&
  lastUsedAt > (replacedAt ?? Number.NEGATIVE_INFINITY) &&
  now - lastUsedAt <= WEEK

const WEEK = 7 * 24 * 3_600_000

/** Days for which a replaced token stays valid beside the new one, unless somebody says otherwise. */
export const OVERLAP_DAYS = 30
/** And at most: a replaced token is one that somebody wants to be rid of. */
export const OVERLAP_DAYS_MAX = 365
