import type { Role } from "./Ownership.ts"

/**
 * One moment by both clocks (ms). The monotonic clock stands still while the machine is suspended; the wall clock can be
 * set back. What must not last too long is measured by both, and the longer time counts.
 */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/** How long a lease lasts by the database's clock (ms). */
export const LEASE = 30_000

/** A lease is renewed so often (ms). */
export const RENEW_EVERY = 5_000

/** After a renewal that failed, and for a lease that another node holds, the database is asked again after so long (ms). */
export const ASK_AGAIN = 1_000

/** A question to the database takes at most so long (ms); then it has failed. */
export const ANSWER_WITHIN = 3_000

/**
 * So much earlier than the database (ms) a node takes its lease for expired. It makes up for clocks of different speed,
 * and of different replicas of an availability group: these must not differ by more.
 */
const MARGIN = 2_000

/**
 * A process that works ends a question to the database at least so often (ms). It must be more than RENEW_EVERY and
 * ANSWER_WITHIN together.
 */
const AWAKE_WITHIN = 10_000

/** What a node knows of the tenure it got and has not lost. */
export interface Tenure {
  readonly epoch: number
  /** Until then surely nobody else has taken over. */
  readonly validUntil: Moment
  /** When the last question was answered, or given up. */
  readonly heardAt: Moment
  /** The last renewal could not be asked for. */
  readonly failing: boolean
  /** The process stood still, and meanwhile the lease was not valid: another node may have been active for long. */
  readonly slept: boolean
}

/** A lease was granted that was asked for at `asked`. The database counts from later on, so the node counts from then. */
export const granted = (epoch: number, asked: Moment, answered: Moment): Tenure => ({
  epoch,
  validUntil: later(asked, LEASE - MARGIN),
  heardAt: answered,
  failing: false,
  slept: false
})

/** A renewal was granted; also if the lease had expired, because then nobody else has taken it. */
export const renewed = (tenure: Tenure, asked: Moment, answered: Moment): Tenure =>
  granted(tenure.epoch, asked, answered)

/** A renewal was asked for, and until `ended` nobody answered. */
export const failed = (tenure: Tenure, asked: Moment, ended: Moment): Tenure => ({
  ...tenure,
  heardAt: ended,
  failing: true,
  slept: tenure.slept || hasSlept(tenure, tenure.heardAt, asked) || hasSlept(tenure, asked, ended)
})

/** What a node with this tenure is now; none: it never had one, or it has lost it. */
export const roleAt = (tenure: Tenure | undefined, now: Moment): Role => {
  if (tenure === undefined) return "standby"
  if (isValid(tenure, now)) return "active"
  return tenure.failing && !tenure.slept && !hasSlept(tenure, tenure.heardAt, now) ? "cut off" : "standby"
}

const isValid = ({ validUntil }: Tenure, { monotonic, wall }: Moment) =>
  monotonic < validUntil.monotonic && wall < validUntil.wall

/** A pause within the lease does no harm. */
const hasSlept = (tenure: Tenure, from: Moment, to: Moment) =>
  !isValid(tenure, to) &&
  (to.monotonic - from.monotonic >= AWAKE_WITHIN || to.wall - from.wall >= AWAKE_WITHIN)

const later = ({ monotonic, wall }: Moment, ms: number): Moment => ({
  monotonic: monotonic + ms,
  wall: wall + ms
})
