/** What happened to one object, as an EWS event reports it. `old` only for Moved. */
export interface MailboxEvent {
  readonly sequence: number
  readonly kind: "Created" | "NewMail" | "Modified" | "Moved" | "Deleted"
  readonly at: Date
  readonly object: { readonly itemId: string } | { readonly folderId: string }
  readonly parentFolderId: string
  readonly old: { readonly itemId: string; readonly parentFolderId: string } | undefined
  /** Only for a folder's Modified. */
  readonly unreadCount: number | undefined
}

/** The latest events of a mailbox, each at a position that watermarks name. */
export class EventHistory {
  readonly #events: Array<MailboxEvent> = []
  #position = 0x401700
  /** All events behind this position are kept. */
  #forgotten = 0

  get position(): number {
    return this.#position
  }

  /** Takes the next position. */
  next(): number {
    this.#position += 1
    return this.#position
  }

  add(events: ReadonlyArray<MailboxEvent>): void {
    this.#events.push(...events)
    const lost = this.#events.splice(0, Math.max(0, this.#events.length - MAX_EVENTS))
    this.#forgotten = lost.at(-1)?.sequence ?? this.#forgotten
  }

  /** Events behind a position; undefined if some of them are not kept any more, or it has not been reached. */
  after(position: number): ReadonlyArray<MailboxEvent> | undefined {
    if (position < this.#forgotten || position > this.#position) return undefined
    return this.#events.filter((event) => event.sequence > position)
  }

  /** Forgets all events; only positions from now on are known. */
  forget(): void {
    this.#events.length = 0
    this.#forgotten = this.next()
  }
}

const MAX_EVENTS = 5000
