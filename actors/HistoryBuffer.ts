import { DETAIL_MAX, type HistoryEvent, type HistoryKind, put, shorten } from "../schemas/History.ts"
import type { UserNumber } from "../schemas/Ids.ts"

/** Events besides heartbeats that wait to be written. */
const NEWS_MAX = 15_000
/** Users of whom nothing but heartbeats waits. */
const BEATS_MAX = 5_000

/** What waits of one user, the oldest first. */
export interface Bundle {
  readonly user: UserNumber
  readonly events: ReadonlyArray<HistoryEvent>
}

/**
 * Events on their way to storage, by user. Bounded: beyond that the oldest go, and heartbeats are not taken. A heartbeat
 * costs one or two look-ups, and an entry only if it is the user's first since the last write. Plain state.
 */
export class HistoryBuffer {
  /** Users with more than heartbeats, those first whose news came first. */
  readonly #news = new Map<UserNumber, Array<HistoryEvent>>()
  readonly #beats = new Map<UserNumber, Beats>()
  #newsCount = 0
  #lost = 0

  /** Users of whom something waits. */
  get size(): number {
    return this.#news.size + this.#beats.size
  }

  /** Users with more than heartbeats. */
  get news(): number {
    return this.#news.size
  }

  /** Events that found no room since this was last asked. */
  takeLost(): number {
    const lost = this.#lost
    this.#lost = 0
    return lost
  }

  heartbeat(user: UserNumber, now: number): void {
    const beats = this.#beats.get(user)
    if (beats !== undefined) {
      beats.at = now
      beats.times++
    } else if (this.#news.has(user)) this.#add(user, event(now, "heartbeat", "", 1))
    else if (this.#beats.size < BEATS_MAX) this.#beats.set(user, { at: now, since: now, times: 1 })
    else this.#lost++
  }

  note(user: UserNumber, kind: HistoryKind, detail: string, times: number, now: number): void {
    this.#add(user, event(now, kind, detail, times))
  }

  /** Takes out up to `count` users with news, or with heartbeats alone. */
  take(which: "news" | "beats", count: number): ReadonlyArray<Bundle> {
    const bundles: Array<Bundle> = []
    for (const user of this.#of(which).keys()) {
      if (bundles.length >= count) break
      bundles.push({ user, events: which === "news" ? this.#takeNews(user) : this.#takeBeats(user) })
    }
    return bundles
  }

  /** What could not be written waits again, before what has come since then. */
  restore(bundles: ReadonlyArray<Bundle>): void {
    for (const { events, user } of bundles) {
      if (!this.#news.has(user) && events.every(({ kind }) => kind === "heartbeat")) {
        for (const one of events) this.#restoreBeats(user, one)
      } else {
        const since = [...this.#takeBeats(user), ...this.#takeNews(user)]
        for (const one of [...events, ...since]) this.#add(user, one)
      }
    }
  }

  #of(which: "news" | "beats"): ReadonlyMap<UserNumber, unknown> {
    return which === "news" ? this.#news : this.#beats
  }

  #add(user: UserNumber, one: HistoryEvent): void {
    let events = this.#news.get(user)
    if (events === undefined) {
      events = [...this.#takeBeats(user)]
      this.#newsCount += events.length
      this.#news.set(user, events)
    }
    const before = events.length
    put(events, one)
    // Storage keeps no more of a user anyway.
    shorten(events)
    this.#newsCount += events.length - before
    if (this.#newsCount > NEWS_MAX) this.#dropOldest()
  }

  #dropOldest(): void {
    const [first] = this.#news
    if (first === undefined) return
    const [user, events] = first
    events.shift()
    this.#newsCount--
    this.#lost++
    if (events.length === 0) this.#news.delete(user)
  }

  #takeNews(user: UserNumber): ReadonlyArray<HistoryEvent> {
    const events = this.#news.get(user) ?? []
    this.#news.delete(user)
    this.#newsCount -= events.length
    return events
  }

  #takeBeats(user: UserNumber): ReadonlyArray<HistoryEvent> {
    const beats = this.#beats.get(user)
    if (beats === undefined) return []
    this.#beats.delete(user)
    const { at, since, times } = beats
    return [{ ...event(at, "heartbeat", "", times), ...(times > 1 ? { since } : {}) }]
  }

  #restoreBeats(user: UserNumber, { at, since = at, times }: HistoryEvent): void {
    const later = this.#beats.get(user)
    if (later !== undefined) this.#beats.set(user, { at: later.at, since, times: times + later.times })
    else if (this.#beats.size < BEATS_MAX) this.#beats.set(user, { at, since, times })
    else this.#lost++
  }
}

interface Beats {
  at: number
  readonly since: number
  times: number
}

const event = (at: number, kind: HistoryKind, detail: string, times: number): HistoryEvent => ({
  at,
  kind,
  detail: detail.length > DETAIL_MAX ? detail.slice(0, DETAIL_MAX) : detail,
  times
})
