/**
 * How fast the outbox is emptied, in users a second. A gateway that has just come back is asked gently; as long as it
 * takes everything the rate doubles, so that the backlog of ten minutes is gone within one. Where it once refused more it
 * is approached in small steps, as TCP does after a loss (RFC 5681, 3.1).
 */
export interface OutboxPace {
  readonly rate: number
  /** Up to here the rate doubles, from here on it grows by `RATE_FIRST`. */
  readonly knee: number
}

/** Users a second at first, and at most. */
export const RATE_FIRST = 50
export const RATE_MOST = 2_000

export const firstPace: OutboxPace = { rate: RATE_FIRST, knee: RATE_MOST }

/** What one round came to, of at most `rate` users. */
export interface FlushRound {
  readonly asked: number
  /** Users of whom something left the outbox. */
  readonly sent: number
  /** Milliseconds. */
  readonly took: number
  /** The gateway takes nothing any more: it throttles, or is down. */
  readonly refused: boolean
}

/** A round is to last no longer than the time until the next one. Milliseconds. */
export const ROUND = 1_000

/** The pace of the next round. */
export const paceAfter = (pace: OutboxPace, { asked, refused, sent, took }: FlushRound): OutboxPace => {
  const half = Math.max(RATE_FIRST, Math.floor(pace.rate / 2))
  if (refused) return { rate: RATE_FIRST, knee: half }
  // Storage may be away, or many devices' push services: nobody gains from more of that.
  if (sent * 2 < asked) return { rate: half, knee: half }
  // Few waited; those of the next outage begin anew.
  if (asked < pace.rate) return { ...pace, rate: RATE_FIRST }
  // More at once would only wait elsewhere.
  if (took > ROUND) return pace
  const { knee, rate } = pace
  const next = rate < knee ? Math.min(knee, rate * 2) : rate + RATE_FIRST
  return { ...pace, rate: Math.min(RATE_MOST, next) }
}
