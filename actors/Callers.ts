import type { SubscriptionRequest } from "../schemas/SubscriptionMessage.ts"
import type { Cell } from "./Cell.ts"
import type { Suspicion, Waiter } from "./SubscriptionProtocol.ts"
import { Unavailable } from "./Subscriptions.ts"

/** A request and the way back for its reply. Only this node's mailboxes hold one; the request itself could travel. */
export interface Envelope {
  readonly _tag: "Envelope"
  readonly request: SubscriptionRequest
  /** Called exactly once. */
  readonly reply: (reply: never) => void
}

/** Keys of callbacks that crashed an actor; more than so many at once are not told apart. */
const SUSPECTS_MAX = 32

interface Book {
  readonly waiting: Map<Waiter, Envelope>
  readonly suspects: Map<number, number>
}

type AnyCell<S, M extends {}> = Pick<Cell<S, M>, "extra">

/**
 * Who waits for a reply of which actor, by the number that `decide` knows. Most requests are answered before the turn is
 * over and leave no trace; an actor that owes nobody anything keeps no book.
 */
export class Callers {
  #serial = 0
  #current: Envelope | undefined

  /** The number of a request that is about to be decided. */
  open(envelope: Envelope): Waiter {
    this.#serial += 1
    this.#current = envelope
    return this.#serial
  }

  /** The turn is over: a request without reply waits. False if it has its reply. */
  keep<S, M extends {}>(cell: AnyCell<S, M>): boolean {
    if (this.#current === undefined) return false
    bookOf(cell).waiting.set(this.#serial, this.#current)
    this.#current = undefined
    return true
  }

  settle<S, M extends {}>(cell: AnyCell<S, M>, waiter: Waiter, reply: unknown): void {
    if (waiter === this.#serial && this.#current !== undefined) {
      const envelope = this.#current
      this.#current = undefined
      return envelope.reply(reply as never)
    }
    const book = cell.extra as Book | undefined
    const envelope = book?.waiting.get(waiter)
    if (book === undefined || envelope === undefined) return
    book.waiting.delete(waiter)
    tidy(cell, book)
    envelope.reply(reply as never)
  }

  refuse(envelope: Envelope, reason: Unavailable["reason"]): void {
    envelope.reply(new Unavailable({ reason }) as never)
  }

  /** Nobody will answer those who wait. */
  refuseAll<S, M extends {}>(cell: AnyCell<S, M>, reason: Unavailable["reason"]): void {
    const current = this.#current
    this.#current = undefined
    if (current !== undefined) this.refuse(current, reason)
    this.refuseWaiting(cell, reason)
  }

  /** The same but for the request in hand. */
  refuseWaiting<S, M extends {}>(cell: AnyCell<S, M>, reason: Unavailable["reason"]): void {
    const book = cell.extra as Book | undefined
    if (book === undefined) return
    const waiting = [...book.waiting.values()]
    book.waiting.clear()
    tidy(cell, book)
    for (const envelope of waiting) this.refuse(envelope, reason)
  }

  /** These callbacks were in hand when the actor crashed. */
  suspect<S, M extends {}>(cell: AnyCell<S, M>, keys: ReadonlyArray<number>): void {
    if (keys.length === 0) return
    const { suspects } = bookOf(cell)
    for (const key of keys) {
      suspects.set(key, (suspects.get(key) ?? 0) + 1)
      if (suspects.size > SUSPECTS_MAX)
        for (const oldest of suspects.keys()) {
          suspects.delete(oldest)
          break
        }
    }
  }

  /** The callback was handled after all, or given up. */
  absolve<S, M extends {}>(cell: AnyCell<S, M>, key: number): void {
    const book = cell.extra as Book | undefined
    if (book?.suspects.delete(key)) tidy(cell, book)
  }

  suspicion<S, M extends {}>(cell: AnyCell<S, M>, key: number): Suspicion {
    const crashes = (cell.extra as Book | undefined)?.suspects.get(key) ?? 0
    return crashes === 0 ? "none" : crashes === 1 ? "generic" : "poison"
  }

  /** Whether any callback is suspected: if not, its key need not be computed. */
  suspects<S, M extends {}>(cell: AnyCell<S, M>): boolean {
    return ((cell.extra as Book | undefined)?.suspects.size ?? 0) > 0
  }
}

const bookOf = <S, M extends {}>(cell: AnyCell<S, M>): Book => {
  const book = (cell.extra as Book | undefined) ?? { waiting: new Map(), suspects: new Map() }
  cell.extra = book
  return book
}

const tidy = <S, M extends {}>(cell: AnyCell<S, M>, book: Book): void => {
  if (book.waiting.size === 0 && book.suspects.size === 0) cell.extra = undefined
}
