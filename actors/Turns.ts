import type { Behaviour } from "./Behaviour.ts"
import { type Cell, Status } from "./Cell.ts"
import { CrashRecord } from "./CrashRecord.ts"
import type { Delivery } from "./Delivery.ts"
import type { Parked } from "./Mailbox.ts"

/** What resident fibers do between parking and parking. */
export class Turns<S, M extends {}> {
  private readonly behaviour: Behaviour<S, M>
  private readonly delivery: Delivery<S, M>
  private readonly limit: number
  private readonly now: () => number

  /** `limit`: messages in a row before other actors get their turn. */
  constructor(behaviour: Behaviour<S, M>, delivery: Delivery<S, M>, limit: number, now: () => number) {
    this.behaviour = behaviour
    this.delivery = delivery
    this.limit = limit
    this.now = now
  }

  /** Handles what waits, up to the limit. False once the actor is stopped. */
  turn(cell: Cell<S, M>): boolean {
    for (let left = this.limit; left > 0; left--) {
      if (cell.status !== Status.Running) return false
      if (cell.isDue) {
        cell.isDue = false
        this.handle(cell, undefined)
        continue
      }
      const message = this.delivery.take(cell)
      if (message === undefined) return true
      this.handle(cell, message)
    }
    return true
  }

  /** Looks before it parks: what came while no fiber was parked has signalled nobody. */
  park(cell: Cell<S, M>, fiber: Parked): void {
    if (cell.status !== Status.Running || cell.isDue || !cell.mailbox.isEmpty) fiber.resume()
    else cell.mailbox.park(fiber)
  }

  /**
   * Handles a message on the caller's stack while the actor's fiber is parked and nothing waits, which saves waking the
   * fiber for a microsecond's work. A defect is the fiber's all the same: it dies of it. False: not now.
   */
  lend(cell: Cell<S, M>, message: M): boolean {
    if (cell.status !== Status.Running || cell.isDue || !cell.mailbox.isEmpty) return false
    const fiber = cell.mailbox.unpark()
    if (fiber === undefined) return false
    try {
      this.handle(cell, message)
    } catch (defect) {
      fiber.die(defect)
      return true
    }
    this.park(cell, fiber)
    return true
  }

  /** No message = the due time has come. */
  private handle(cell: Cell<S, M>, message: M | undefined): void {
    const before = cell.state
    try {
      if (message === undefined) this.behaviour.due(cell, this.now())
      else this.behaviour.receive(cell, message, this.now())
    } catch (defect) {
      cell.state = before
      cell.crashes ??= new CrashRecord()
      cell.crashes.inHand = message
      throw defect
    }
  }
}
