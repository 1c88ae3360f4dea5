/** A statement or a connection failed. The text holds no value of a row or parameter and no password. */
export class MssqlFailure extends Error {
  override readonly name = "MssqlFailure"
  /** The driver's code (EREQUEST, ESOCKET, ETIMEOUT, ELOGIN, …) or the socket's (ECONNRESET, …). */
  readonly code: string
  /** Error number, severity and state, when it was the server that answered. */
  readonly number: number | undefined
  readonly class: number | undefined
  readonly state: number | undefined
  /** Whether the server may have got the statement. */
  readonly sent: boolean

  constructor(about: {
    readonly message: string
    readonly code: string
    readonly sent: boolean
    readonly number?: number | undefined
    readonly class?: number | undefined
    readonly state?: number | undefined
  }) {
    super(about.message)
    this.code = about.code
    this.number = about.number
    this.class = about.class
    this.state = about.state
    this.sent = about.sent
  }
}

/** A write of a node whose epoch is over; see `MssqlClient.fencedBy`. */
export class Fenced extends Error {
  override readonly name = "Fenced"
  constructor() {
    super("another node has taken over")
  }
}

/** The same call may succeed later: the server, the network or the moment is the trouble, not the statement. */
export const isTransient = (cause: unknown): boolean =>
  cause instanceof MssqlFailure &&
  (isRetryable(cause) ||
    LATER_CODES.has(cause.code) ||
    (cause.number !== undefined && LATER.has(cause.number)))

/** 2627 a constraint, 2601 an index: https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors */
export const isUniqueViolation = (cause: unknown): boolean =>
  cause instanceof MssqlFailure && (cause.number === 2627 || cause.number === 2601)

/** It is worth trying again at once what surely did not take effect. `unique`: also when a unique key was violated. */
export const isRetryable = (cause: unknown, unique = false): boolean =>
  cause instanceof MssqlFailure &&
  (cause.number === undefined
    ? CODES.has(cause.code)
    : ROLLED_BACK.has(cause.number) ||
      UNAVAILABLE.has(cause.number) ||
      SESSION_LOST.has(cause.number) ||
      (unique && isUniqueViolation(cause)))

/** The server did nothing, or took back what it did: also a single write may be repeated. */
export const surelyDidNotRun = (cause: unknown): boolean =>
  cause instanceof MssqlFailure &&
  (!cause.sent || (cause.number !== undefined && ROLLED_BACK.has(cause.number)))

/** The connection is of no use any more; a new one may be. */
export const isConnectionLoss = (cause: unknown): boolean =>
  cause instanceof MssqlFailure &&
  (cause.number === undefined
    ? CODES.has(cause.code)
    : (cause.class ?? 0) >= 20 || SESSION_LOST.has(cause.number) || UNAVAILABLE.has(cause.number))

/** The other connections of the pool lead to the same server, which is gone or does not hold the database any more. */
export const isFailover = (cause: unknown): boolean =>
  isConnectionLoss(cause) ||
  (cause instanceof MssqlFailure && cause.number !== undefined && LOGIN_IN_FAILOVER.has(cause.number))

/**
 * The statement, or its transaction, was rolled back as a whole.
 * 1205 deadlock victim, 1222 lock timeout, 3960 3961 3966 snapshot conflict, 615 2801 table changed meanwhile:
 * https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
 * 41301 41302 41305 41325 41839 validation of memory-optimised tables:
 * https://learn.microsoft.com/sql/relational-databases/in-memory-oltp/transactions-with-memory-optimized-tables#conflict-detection-and-retry-logic
 * 40501 10928 10929 10936 49918 49919 49920 too busy to begin:
 * https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues
 */
const ROLLED_BACK: ReadonlySet<number> = new Set([
  1205, 1222, 3960, 3961, 3966, 615, 2801, 41301, 41302, 41305, 41325, 41839, 40501, 10928, 10929, 10936,
  49918, 49919, 49920
])

/**
 * The database is not here at the moment.
 * 976 978 983 a replica that is secondary or changes its role, 4221 waits for its log, 988 955 no quorum, 954 a mirror,
 * 921 922 it recovers, 952 it is in transition:
 * https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
 * 40143 40197 40540 40613 the service moves: https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues
 * 3906 3908 read-only or closed to transactions after the role changed; 6005 shutdown is in progress.
 */
const UNAVAILABLE: ReadonlySet<number> = new Set([
  976, 978, 983, 988, 955, 954, 921, 922, 952, 4221, 40143, 40197, 40540, 40613, 3906, 3908, 6005
])

/** 596 session killed, 233 64 121 10053 10054 10060 the connection broke: https://learn.microsoft.com/sql/relational-databases/errors-events/mssqlserver-233-database-engine-error */
const SESSION_LOST: ReadonlySet<number> = new Set([596, 233, 64, 121, 10053, 10054, 10060])

/**
 * A log-in meets a database that starts, recovers or moves: 4060 cannot open it, 18456 the reason is kept secret, 18401
 * 18451 start and end of the server, 18461 single user, 17142 paused, 17197 not in time.
 */
const LOGIN_IN_FAILOVER: ReadonlySet<number> = new Set([4060, 18401, 18451, 18456, 18461, 17142, 17197])

/**
 * No sense in trying again at once, but later: 701 802 845 8628 8645 8651 memory, 1204 locks, 1101 1105 9002 space, 3959
 * 3967 space for versions of rows, 924 926 927 942 945 the database is in single use, suspect, restored, offline or lacks
 * files, 17809 too many connections.
 */
const LATER: ReadonlySet<number> = new Set([
  ...LOGIN_IN_FAILOVER,
  ...[701, 802, 845, 8628, 8645, 8651, 1204, 1101, 1105, 9002, 3959, 3967],
  ...[924, 926, 927, 942, 945, 17809]
])

/** No answer in time, no free connection in time: another try at once would make it worse. */
const LATER_CODES: ReadonlySet<string> = new Set(["ETIMEOUT", "EBUSY"])

/** Codes without a server's answer: the driver's (https://tediousjs.github.io/tedious/) and Node's sockets'. */
const CODES: ReadonlySet<string> = new Set([
  "ESOCKET",
  "ECONNCLOSED",
  "ECLOSE",
  "ENOTOPEN",
  "EINVALIDSTATE",
  "EINSTLOOKUP",
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN"
])
