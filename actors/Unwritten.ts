import type { UserNumber, Watermark } from "../schemas/Ids.ts"
import type { State } from "./SubscriptionState.ts"

/** What storage has to learn of one user. */
export interface Unsaved {
  readonly state: State
  /** Ledger, unread count, badge and last heartbeat are to be stored. */
  readonly hot: boolean
  /** As the last callback told it; undefined leaves the stored one. */
  readonly watermark: Watermark | undefined
  /** The link is to be stored. */
  readonly link: boolean
}

/** One reading of what is unsaved. Given back to `saved`, so that what was noted since then is kept. */
export interface Snapshot extends Unsaved {
  readonly version: number
}

/**
 * What is noted and not on disk yet: at most one entry a user, in the order in which users came. An entry stays until it is
 * known to be saved, also while it is being written. It refers to the actor's own state, which is there anyway, so it takes
 * about 100 bytes. Plain state.
 */
export class Unwritten {
  readonly #entries = new Map<UserNumber, Entry>()
  readonly #urgent = new Set<UserNumber>()

  get size(): number {
    return this.#entries.size
  }

  count(which: "all" | "urgent"): number {
    return which === "all" ? this.#entries.size : this.#urgent.size
  }

  /** Since when the longest waiting entry has been waiting; undefined = there is none. */
  get oldest(): number | undefined {
    const [first] = this.#entries.values()
    return first?.since
  }

  has(user: UserNumber): boolean {
    return this.#entries.has(user)
  }

  note(state: State, watermark: Watermark | undefined, now: number): void {
    const entry = this.#entry(state, now)
    entry.hot = true
    if (watermark !== undefined) entry.watermark = watermark
  }

  noteLink(state: State, now: number): void {
    this.#entry(state, now).link = true
  }

  /** It is not to wait for the next round of all. */
  hurry(user: UserNumber): void {
    if (this.#entries.has(user)) this.#urgent.add(user)
  }

  forget(user: UserNumber): void {
    this.#entries.delete(user)
    this.#urgent.delete(user)
  }

  /** Up to `count` users of whom something is to be written, the longest waiting first; else only the urgent ones. */
  first(count: number, which: "all" | "urgent"): ReadonlyArray<UserNumber> {
    const users: Array<UserNumber> = []
    for (const user of which === "all" ? this.#entries.keys() : this.#urgent) {
      if (users.length >= count) break
      users.push(user)
    }
    return users
  }

  /** What is to be written of these users now. */
  read(users: ReadonlyArray<UserNumber>): ReadonlyArray<Snapshot> {
    return users.flatMap((user) => {
      const entry = this.#entries.get(user)
      return entry === undefined ? [] : [{ ...entry }]
    })
  }

  /** These are on disk. What was noted since they were read waits behind the others. */
  saved(snapshots: ReadonlyArray<Snapshot>, now: number): void {
    for (const { state, version } of snapshots) {
      const entry = this.#entries.get(state.user)
      if (entry === undefined) continue
      this.#entries.delete(state.user)
      if (entry.version === version) this.#urgent.delete(state.user)
      else this.#entries.set(state.user, { ...entry, since: now })
    }
  }

  #entry(state: State, now: number): Entry {
    const known = this.#entries.get(state.user)
    if (known === undefined) {
      const entry = { state, hot: false, watermark: undefined, link: false, since: now, version: 0 }
      this.#entries.set(state.user, entry)
      return entry
    }
    // A watermark is one of its subscription's.
    if (known.state.generation !== state.generation) known.watermark = undefined
    known.state = state
    known.version++
    return known
  }
}

interface Entry {
  state: State
  hot: boolean
  watermark: Watermark | undefined
  link: boolean
  readonly since: number
  version: number
}
