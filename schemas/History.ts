import { Schema } from "effect"

/**
 * What happened to a user, for whoever asks why no mail comes. Times and words only: no address, subject, sender, token,
 * item id or anything else of a mail.
 */
export const HistoryKind = Schema.Literal(
  /** A device registered or tried to; `detail` = the response code's name, and the cause if it failed. */
  "registration",
  /** A subscription was made or renewed at Exchange; `detail` = host and generation. */
  "subscribed",
  /** The subscription's state changed; `detail` = the new one and why. */
  "state",
  /** Exchange called without news. Successive ones are one event: `since` the first, `at` the last. */
  "heartbeat",
  /** So many mails came in one callback (`times`); `detail` = what became of the notifications. */
  "mail",
  /** Silent pushes asked the app to register; `detail` = why. */
  "nudge",
  /** Something failed; `detail` begins with the fault's name (schemas/Fault.ts) if it has one. */
  "error",
  /** A device was removed, or got a new push token. */
  "device",
  /** An administrator did something. */
  "admin"
)
export type HistoryKind = typeof HistoryKind.Type

export const HistoryEvent = Schema.Struct({
  /** Milliseconds since 1970. */
  at: Schema.Number,
  kind: HistoryKind,
  detail: Schema.String,
  /** How often: mails in a callback, or equal events one after another. */
  times: Schema.Int,
  /** When the first of several equal ones was; absent for a single one. */
  since: Schema.optionalWith(Schema.Number, { exact: true })
})
export type HistoryEvent = typeof HistoryEvent.Type

/** So many events of a user are kept, the newest. */
export const HISTORY_MAX = 60
/** Longer texts are cut. */
export const DETAIL_MAX = 160

/** `more` behind `events`; equal ones in a row become one, and the oldest go. */
export const append = (
  events: ReadonlyArray<HistoryEvent>,
  more: ReadonlyArray<HistoryEvent>
): ReadonlyArray<HistoryEvent> => {
  const all = [...events]
  for (const event of more) {
    const cut =
      event.detail.length > DETAIL_MAX ? { ...event, detail: event.detail.slice(0, DETAIL_MAX) } : event
    const last = all.at(-1)
    if (last !== undefined && isSame(last, cut)) all[all.length - 1] = joined(last, cut)
    else all.push(cut)
  }
  return all.slice(-HISTORY_MAX)
}

/** One event tells both, one after the other. */
export const isSame = (a: HistoryEvent, b: HistoryEvent): boolean =>
  a.kind === b.kind && a.detail === b.detail && a.kind !== "mail"

/** Both as one. */
export const joined = (first: HistoryEvent, last: HistoryEvent): HistoryEvent => ({
  at: Math.max(first.at, last.at),
  kind: first.kind,
  detail: first.detail,
  times: first.times + last.times,
  since: Math.min(first.since ?? first.at, last.since ?? last.at)
})

/** As it is stored. */
export const pack = (events: ReadonlyArray<HistoryEvent>): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify(
      events.map(({ at, detail, kind, since, times }) =>
        since === undefined ? [at, kind, detail, times] : [at, kind, detail, times, since]
      )
    )
  )

/** What cannot be read, perhaps because a later version wrote it, is no history. By hand: it is done with every write. */
export const unpack = (bytes: Uint8Array): ReadonlyArray<HistoryEvent> => {
  const rows = parsed(new TextDecoder().decode(bytes))
  return Array.isArray(rows) && rows.every(isRow) ? rows.map(eventOf) : []
}

type Row = readonly [at: number, kind: HistoryKind, detail: string, times: number, since?: number]

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const KINDS: ReadonlySet<unknown> = new Set(HistoryKind.literals)

const isRow = (row: unknown): row is Row => {
  if (!Array.isArray(row)) return false
  const [at, kind, detail, times, since] = row
  return (
    Number.isFinite(at) &&
    KINDS.has(kind) &&
    typeof detail === "string" &&
    Number.isInteger(times) &&
    (since === undefined || Number.isFinite(since))
  )
}

const eventOf = ([at, kind, detail, times, since]: Row): HistoryEvent => ({
  at,
  kind,
  detail,
  times,
  ...(since === undefined ? {} : { since })
})
