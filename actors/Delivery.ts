import type { Behaviour, Refusal } from "./Behaviour.ts"
import type { Cell } from "./Cell.ts"
import type { HookGuard } from "./HookGuard.ts"
import * as Metrics from "./SupervisorMetrics.ts"

/** Moves messages in and out of mailboxes, and counts those that wait: each leaves once, to be handled or refused. */
export class Delivery<S, M extends {}> {
  private readonly behaviour: Behaviour<S, M>
  private readonly guard: HookGuard
  private count = 0

  constructor(behaviour: Behaviour<S, M>, guard: HookGuard) {
    this.behaviour = behaviour
    this.guard = guard
  }

  /** How many wait in all mailboxes. */
  get waiting(): number {
    return this.count
  }

  /** False if the mailbox is full. */
  request(cell: Cell<S, M>, message: M): boolean {
    const accepted = cell.mailbox.offer(message)
    if (accepted) this.count++
    return accepted
  }

  system(cell: Cell<S, M>, kind: number, message: M): void {
    if (cell.mailbox.offerSystem(kind, message)) this.count++
  }

  take(cell: Cell<S, M>): M | undefined {
    const message = cell.mailbox.take()
    if (message !== undefined) this.count--
    return message
  }

  refuse(cell: Cell<S, M>, message: M, reason: Refusal): void {
    Metrics.countOne(Metrics.refusals[reason])
    this.guard("refuse", () => this.behaviour.refuse(cell, message, reason))
  }

  /** Refuses everything that waits for the actor. */
  refuseAll(cell: Cell<S, M>, reason: Refusal): void {
    for (let message = this.take(cell); message !== undefined; message = this.take(cell)) {
      this.refuse(cell, message, reason)
    }
  }
}
