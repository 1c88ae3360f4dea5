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
/** Mails and heartbeats among them: a busy hour must not push out why the last registration failed. */
export const ROUTINE_MAX = 45
/** Longer texts are cut. */
export const DETAIL_MAX = 160

/** So many different refusals of a user are kept, the newest. */
export const REFUSALS_MAX = 8
/** Said of a new push token for a device that the user does not have. */
export const UNKNOWN_DEVICE = "a new push token came for an unknown device"

/** `more` behind `events`: `put` and `shorten`. */
export const append = (
  events: ReadonlyArray<HistoryEvent>,
  more: ReadonlyArray<HistoryEvent>
): ReadonlyArray<HistoryEvent> => {
  const all = [...events]
  for (const event of more) put(all, event)
  shorten(all)
  return all
}

/**
 * Puts `event` behind the others; equal ones in a row become one. Anybody who has the API token, which all phones share, can
 * bring about refusals of any user: they must not push out what else is known. So an equal one is joined wherever it is, and
 * few different ones are kept.
 */
export const put = (events: Array<HistoryEvent>, event: HistoryEvent): void => {
  const cut =
    event.detail.length > DETAIL_MAX ? { ...event, detail: event.detail.slice(0, DETAIL_MAX) } : event
  if (!isRefusal(cut)) return putLast(events, cut)
  const before = events.findLastIndex((one) => isSame(one, cut))
  if (before === events.length - 1) return putLast(events, cut)
  const one = before < 0 ? cut : joined(takeOut(events, before), cut)
  events.push(one)
  if (events.filter(isRefusal).length > REFUSALS_MAX) takeOut(events, events.findIndex(isRefusal))
}

/** The oldest go if there are too many: of mails and heartbeats first, if they are the many. */
export const shorten = (events: Array<HistoryEvent>): void => trim(events, isRoutine)

const trim = <A>(all: Array<A>, isRoutine: (one: A) => boolean): void => {
  if (all.length <= HISTORY_MAX) return
  let routine = all.filter(isRoutine).length
  while (all.length > HISTORY_MAX) {
    const first = routine > ROUTINE_MAX ? all.findIndex(isRoutine) : 0
    const [gone] = all.splice(first, 1) as [A]
    if (isRoutine(gone)) routine--
  }
}

const isRoutine = ({ kind }: HistoryEvent): boolean => kind === "mail" || kind === "heartbeat"
/** As `lineOf` writes them. */
const isRoutineLine = (line: string): boolean => /^\[[^",]+,"(?:mail|heartbeat)"/.test(line)

/** A device was refused something, which costs nothing but the API token: `Code: why`. */
const isRefusal = ({ detail, kind }: HistoryEvent): boolean =>
  kind === "registration" ? detail.includes(": ") : kind === "device" && detail === UNKNOWN_DEVICE

const putLast = (events: Array<HistoryEvent>, event: HistoryEvent): void => {
  const last = events.at(-1)
  if (last !== undefined && isSame(last, event)) events[events.length - 1] = joined(last, event)
  else events.push(event)
}

/** Those on both sides may be equal now. */
const takeOut = (events: Array<HistoryEvent>, index: number): HistoryEvent => {
  const [one] = events.splice(index, 1) as [HistoryEvent]
  const [left, right] = [events[index - 1], events[index]]
  if (left !== undefined && right !== undefined && isSame(left, right)) {
    events.splice(index - 1, 2, joined(left, right))
  }
  return one
}

/** One event tells both, one after the other. */
const isSame = (a: HistoryEvent, b: HistoryEvent): boolean =>
  a.kind === b.kind && a.detail === b.detail && a.kind !== "mail"

/** Both as one. */
const joined = (first: HistoryEvent, last: HistoryEvent): HistoryEvent => ({
  at: Math.max(first.at, last.at),
  kind: first.kind,
  detail: first.detail,
  times: first.times + last.times,
  since: Math.min(first.since ?? first.at, last.since ?? last.at)
})

/** As it is stored: a line of JSON for each event. */
export const pack = (events: ReadonlyArray<HistoryEvent>): Uint8Array => bytesOf(events.map(lineOf))

/** An event that cannot be read, perhaps because a later version wrote it, is left out. */
export const unpack = (bytes: Uint8Array): ReadonlyArray<HistoryEvent> =>
  linesOf(bytes).flatMap((line) => {
    const row = rowIn(line)
    return row === undefined ? [] : [eventOf(row)]
  })

/**
 * `append` on what is stored. For every write, so it reads no more than the newest of the stored events unless it has to.
 * An event that is stored already, because the answer to an earlier write was lost, comes no second time. `lastAt`: when the newest of the
 * stored ones happened.
 */
export const extend = (stored: Uint8Array, lastAt: number, more: ReadonlyArray<HistoryEvent>): Uint8Array => {
  const lines = linesOf(stored)
  const newest = rowIn(lines.at(-1))
  if (newest === undefined) return pack(append(unpack(stored), more))
  const before = more.some(({ at }) => at <= lastAt) ? unpack(stored) : []
  const fresh = more.filter((event) => !before.some((one) => isRepeat(one, event)))
  if (fresh.length === 0) return stored
  if (fresh.some(isRefusal)) return pack(append(unpack(stored), fresh))
  const tail = append([eventOf(newest)], fresh)
  const all = [...lines.slice(0, -1), ...tail.map(lineOf)]
  trim(all, isRoutineLine)
  return bytesOf(all)
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
