import type { Fiber } from "effect"
import type { CrashRecord } from "./CrashRecord.ts"
import { Mailbox } from "./Mailbox.ts"
import { WheelEntry } from "./TimingWheel.ts"

/** What an actor is doing. `Waiting` = crashed, its back-off runs; `Held` = the shared circuit holds its restart. */
export const Status = {
  Loading: 0,
  Running: 1,
  Waiting: 2,
  Held: 3,
  Parked: 4,
  Stopped: 5
} as const
export type Status = (typeof Status)[keyof typeof Status]

/**
 * An actor apart from its fiber: identity, state, mailbox and timer. It outlives the fiber, so that a restart keeps
 * what waits. There are 100,000 of them: every field costs 8 bytes each, and what is rare is allocated when needed.
 */
export class Cell<S, M extends {}> extends WheelEntry {
  readonly id: string
  /** Replaced by the behaviour as a whole; undefined until loaded. */
  state: S | undefined
  readonly mailbox: Mailbox<M>
  /** The supervisor's business. */
  status: Status
  /** The due time has come and was not handled yet. The supervisor's business. */
  isDue: boolean
  /** For the behaviour: what must survive a crash but is not state (callers that wait for an answer). */
  extra: unknown
  /** Only after a first crash. */
  crashes: CrashRecord<M> | undefined
  /** What runs for the actor besides its resident fiber; undefined = nothing. */
  jobs: Set<Fiber.RuntimeFiber<unknown, unknown>> | undefined

  constructor(id: string, state: S | undefined, capacity: number) {
    super()
    this.id = id
    this.state = state
    this.mailbox = new Mailbox(capacity)
    this.status = Status.Loading
    this.isDue = false
    this.extra = undefined
    this.crashes = undefined
    this.jobs = undefined
  }
}
