/** What was seen during a run, by those who saw it from outside of the service. Times are milliseconds since 1970. */
export interface Facts {
  readonly mails: ReadonlyArray<Mail>
  readonly devices: ReadonlyArray<Device>
  readonly pushes: ReadonlyArray<Push>
  /** Attempts to deliver callbacks that name a mail, by item id, oldest first. */
  readonly attempts: ReadonlyMap<string, ReadonlyArray<Attempt>>
  /** Subscriptions that ended, by address, oldest first. */
  readonly endings: ReadonlyMap<string, ReadonlyArray<Ending>>
  /** When the service could not answer, because it was not running, stopped, or starting. */
  readonly down: ReadonlyArray<Span>
  readonly interruptions: ReadonlyArray<Interruption>
  /** Milliseconds within which the service answers a callback, whatever a gateway does. */
  readonly deadline: number
  /** What waits in the service's outbox: `pairOf`. */
  readonly outbox: ReadonlySet<string>
  /** What waited in the outbox of a database that was replaced by a backup. */
  readonly replaced: ReadonlySet<string>
}

/** Something after which the service may not know any more what it told just before. */
export interface Interruption extends Span {
  readonly what: string
  /** It has forgotten the whole span, not only what it had not yet written at its beginning. */
  readonly forgotten?: boolean
}

export interface Mail {
  readonly id: string
  readonly address: string
  readonly at: number
}

export interface Device {
  readonly token: string
  readonly address: string
  /** Registers anew when a silent push asks for it. */
  readonly obeys: boolean
}

/** A notification of mails that a gateway took. */
export interface Push {
  readonly at: number
  readonly token: string
  readonly collapseId: string
  readonly itemIds: ReadonlyArray<string>
  /** Mails that it stands for; a summary names only some of them. */
  readonly count: number
  readonly kind: "details" | "bare" | "summary"
}

export interface Attempt {
  readonly at: number
  readonly until: number
  readonly subscription: string
  readonly attempt: number
  readonly outcome: string
}

export interface Ending {
  readonly at: number
  readonly subscription: string
  readonly state: string
  /** The attempts that failed one after another before it was dropped. */
  readonly failures: ReadonlyArray<Attempt>
}

export interface Span {
  readonly from: number
  /** Infinity: not over. */
  readonly to: number
}

export const pairOf = (token: string, itemId: string): string => `${token} ${itemId}`

export const meets = (one: Span, other: Span): boolean => one.from <= other.to && other.from <= one.to
