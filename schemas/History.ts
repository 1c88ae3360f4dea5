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

/** As it is stored: a line of JSON for each event. */
export const pack = (events: ReadonlyArray<HistoryEvent>): Uint8Array => bytesOf(events.map(lineOf))

/** What cannot be read, perhaps because a later version wrote it, is no history. */
export const unpack = (bytes: Uint8Array): ReadonlyArray<HistoryEvent> => {
  const rows = parsed(`[${linesOf(bytes).join(",")}]`)
  return Array.isArray(rows) && rows.every(isRow) ? rows.map(eventOf) : []
}

/**
 * `append` on what is stored. For every write, so it reads no more than the newest of the stored events. An event that is
 * stored already, because the answer to an earlier write was lost, comes no second time. `lastAt`: when the newest of the
 * stored ones happened.
 */
export const extend = (stored: Uint8Array, lastAt: number, more: ReadonlyArray<HistoryEvent>): Uint8Array => {
  const lines = linesOf(stored)
  const newest = rowIn(lines.at(-1))
  if (newest === undefined) return pack(append([], more))
  const before = more.some(({ at }) => at <= lastAt) ? unpack(stored) : []
  const fresh = more.filter((event) => !before.some((one) => isRepeat(one, event)))
  if (fresh.length === 0) return stored
  const tail = append([eventOf(newest)], fresh)
  return bytesOf([...lines.slice(0, -1), ...tail.map(lineOf)].slice(-HISTORY_MAX))
}

const isRepeat = (one: HistoryEvent, other: HistoryEvent) =>
  one.at === other.at && one.kind === other.kind && one.detail === other.detail

type Row = readonly [at: number, kind: HistoryKind, detail: string, times: number, since?: number]

const lineOf = ({ at, detail, kind, since, times }: HistoryEvent): string =>
  JSON.stringify(since === undefined ? [at, kind, detail, times] : [at, kind, detail, times, since])

const bytesOf = (lines: ReadonlyArray<string>): Uint8Array => new TextEncoder().encode(lines.join("\n"))

const linesOf = (bytes: Uint8Array): ReadonlyArray<string> =>
  bytes.length === 0 ? [] : new TextDecoder().decode(bytes).split("\n")

const rowIn = (line: string | undefined): Row | undefined => {
  const row = line === undefined ? undefined : parsed(line)
  return isRow(row) ? row : undefined
}

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
