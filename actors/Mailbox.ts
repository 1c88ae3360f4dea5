/** A fiber that waits. It is given no message: one given to a fiber that is being interrupted would be lost. */
export interface Parked {
  readonly resume: () => void
  /** Lets it die of somebody else's defect. */
  readonly die: (defect: unknown) => void
}

/** System messages of this kind all wait; of every other kind only the latest does. */
export const EVERY = 0

/**
 * What waits for an actor. Requests are bounded; system messages (job results, signals) go first and are never refused.
 * It belongs to the cell and not to the fiber, so that a restart keeps what waits. Empty, it holds no arrays.
 */
export class Mailbox<M extends {}> {
  readonly capacity: number
  private requests: Array<M> | undefined
  private head: number
  private lane: Array<SystemMessage<M>> | undefined
  private fiber: Parked | undefined

  constructor(capacity: number) {
    this.capacity = capacity
    this.requests = undefined
    this.head = 0
    this.lane = undefined
    this.fiber = undefined
  }

  /** False when full: the caller keeps the message. */
  offer(message: M): boolean {
    if (this.requests === undefined) {
      this.requests = [message]
    } else {
      if (this.requests.length - this.head >= this.capacity) return false
      this.requests.push(message)
    }
    this.wake()
    return true
  }

  /**
   * Puts a message into the system lane. Of a `kind` other than `EVERY` one waits at most: a newer one takes the older
   * one's place, so these must not carry a reply. False if it did that: no more wait than before.
   */
  offerSystem(kind: number, message: M): boolean {
    const waiting = kind === EVERY ? undefined : this.lane?.find((other) => other.kind === kind)
    if (waiting !== undefined) {
      waiting.message = message
      return false
    }
    if (this.lane === undefined) this.lane = [{ kind, message }]
    else this.lane.push({ kind, message })
    this.wake()
    return true
  }

  /** The next message: the system lane in order, then the requests in order. */
  take(): M | undefined {
    if (this.lane !== undefined) {
      const first = this.lane.shift()!
      if (this.lane.length === 0) this.lane = undefined
      return first.message
    }
    return this.takeRequest()
  }

  get size(): number {
    return (this.lane?.length ?? 0) + (this.requests === undefined ? 0 : this.requests.length - this.head)
  }

  get isEmpty(): boolean {
    return this.requests === undefined && this.lane === undefined
  }

  /** Parks a fiber until something comes. The latest one counts: an earlier fiber is dead. The caller looks first. */
  park(fiber: Parked): void {
    this.fiber = fiber
  }

  /** Takes the parked fiber back, to be resumed or parked again by the caller. */
  unpark(): Parked | undefined {
    const fiber = this.fiber
    this.fiber = undefined
    return fiber
  }

  /** Resumes the parked fiber, if there is one. */
  wake(): void {
    this.unpark()?.resume()
  }

  private takeRequest(): M | undefined {
    const requests = this.requests
    if (requests === undefined) return undefined
    const message = requests[this.head]!
    this.head++
    if (this.head === requests.length) {
      this.requests = undefined
      this.head = 0
    } else if (this.head >= this.capacity) {
      // A mailbox that never runs empty would otherwise keep all that it ever held.
      requests.splice(0, this.head)
      this.head = 0
    }
    return message
  }
}

interface SystemMessage<M> {
  readonly kind: number
  message: M
}
