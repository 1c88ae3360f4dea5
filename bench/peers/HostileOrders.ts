/** What the attacker is to do until it is told otherwise. */
export interface AttackOrder {
  readonly _tag: "Begin"
  readonly port: number
  /** Connections that are held open, each slow in its own way. */
  readonly slow: number
  /** Rubbish requests a second. */
  readonly rate: number
  /** Whether everything comes from 127.0.0.1, as behind a proxy that is not trusted. */
  readonly isOneAddress: boolean
  /** A callback URL's path and query, to be forged. */
  readonly target: string
}

export type HostileOrder = AttackOrder | { readonly _tag: "End" }

/** What was done since `Begin`. */
export interface AttackResult {
  readonly milliseconds: number
  readonly sent: number
  /** By status; `none`: the connection was closed, or the attack was over first. */
  readonly answers: Readonly<Record<string, number>>
  /** Slow connections that are open at the end, and how many were made for that. */
  readonly slowOpen: number
  readonly slowMade: number
}

/** Heartbeats with a valid MAC, at a steady rate, whatever becomes of them. */
export interface HeartbeatOrder {
  readonly port: number
  readonly targets: ReadonlyArray<string>
  readonly rate: number
  readonly milliseconds: number
  readonly isOneAddress: boolean
}

/** Milliseconds from the moment at which each was due. */
export interface HeartbeatResult {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Those with another answer than OK, or none. */
  readonly notOk: number
}
