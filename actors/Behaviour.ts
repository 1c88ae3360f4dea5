import type { Effect } from "effect"
import type { Cell } from "./Cell.ts"

/** Why a message that was accepted will not be handled. `draining` also stands for an actor that was stopped. */
export type Refusal = "parked" | "draining" | "crashed"

/**
 * What a kind of actor does; the supervisor does the rest. Every accepted message reaches exactly one of `receive`,
 * `refuse` or, if handling it crashed the actor, first `receive` and then `crashed`.
 *
 * `now` is monotonic milliseconds on the timing wheel's time line. All hooks but `load` are synchronous and called one
 * at a time for a cell. A message that needs time starts a job (`Supervisor.runJob`), whose result is a message again.
 */
export interface Behaviour<S, M extends {}> {
  /**
   * State for an actor that starts without one or restarts after a crash: re-read from storage. `lastGood` is the state
   * before the crash, for when storage is down. `undefined` = there is no such actor: it stops. Dying counts as a crash.
   */
  readonly load: (id: string, lastGood: S | undefined) => Effect.Effect<S | undefined>
  /** A life begins: `cell.state` is set, no timer is armed. Arms what the state asks for. */
  readonly started: (cell: Cell<S, M>, now: number) => void
  /** Handles one message: sets `cell.state`, starts jobs, settles replies. Throwing is a defect: the actor crashes. */
  readonly receive: (cell: Cell<S, M>, message: M, now: number) => void
  /** The cell's due time has come; nothing is armed any more. */
  readonly due: (cell: Cell<S, M>, now: number) => void
  /**
   * The actor crashed while handling `message` (undefined: while loading, starting or in a timer). Must settle that
   * message's reply. `cell.state` is the state before the crash.
   */
  readonly crashed: (cell: Cell<S, M>, message: M | undefined, defect: unknown) => void
  /** `message` will not be handled: settle its reply. Jobs' results are refused too, so that their waiters are settled. */
  readonly refuse: (cell: Cell<S, M>, message: M, reason: Refusal) => void
  /** The actor was stopped, and gets no result of a job or timer any more: settles the replies that are owed. */
  readonly stopped?: (cell: Cell<S, M>) => void
  /** The restart intensity is exceeded. What waited in the mailbox is refused right after this. */
  readonly parked: (cell: Cell<S, M>) => void
}
