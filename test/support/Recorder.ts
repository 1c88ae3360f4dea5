import { Effect } from "effect"
import type { Behaviour, Refusal } from "../../actors/Behaviour.ts"
import type { Cell } from "../../actors/Cell.ts"
import type { Supervisor } from "../../actors/Supervisor.ts"

/** What a test sends to a recording actor. */
export interface Note {
  readonly n: number
  /** What handling it does besides being recorded. */
  readonly act?: (cell: Cell<State, Note>, supervisor: Supervisor<State, Note>) => void
}

export interface State {
  readonly handled: number
}

/** A behaviour that writes down everything that happens to it, and does what notes say. */
export class Recorder {
  readonly handled: Array<number> = []
  readonly crashed: Array<number | undefined> = []
  readonly refused: Array<readonly [number, Refusal]> = []
  readonly due: Array<string> = []
  readonly started: Array<string> = []
  readonly loaded: Array<readonly [string, State | undefined]> = []
  readonly parked: Array<string> = []
  load: (id: string, lastGood: State | undefined) => Effect.Effect<State | undefined> = (_id, lastGood) =>
    Effect.succeed(lastGood ?? { handled: 0 })
  onStarted: (cell: Cell<State, Note>, now: number) => void = () => {}
  onDue: (cell: Cell<State, Note>, now: number) => void = () => {}

  readonly behaviour = (supervisor: Supervisor<State, Note>): Behaviour<State, Note> => ({
    load: (id, lastGood) => {
      this.loaded.push([id, lastGood])
      return this.load(id, lastGood)
    },
    started: (cell, now) => {
      this.started.push(cell.id)
      this.onStarted(cell, now)
    },
    receive: (cell, note) => {
      cell.state = { handled: (cell.state?.handled ?? 0) + 1 }
      note.act?.(cell, supervisor)
      this.handled.push(note.n)
    },
    due: (cell, now) => {
      this.due.push(cell.id)
      this.onDue(cell, now)
    },
    crashed: (_cell, note) => {
      this.crashed.push(note?.n)
    },
    refuse: (_cell, note, reason) => {
      this.refused.push([note.n, reason])
    },
    parked: (cell) => {
      this.parked.push(cell.id)
    }
  })
}

/** Handling this note crashes the actor. */
export const bomb = (n: number): Note => ({
  n,
  act: () => {
    throw new Error("bomb")
  }
})

/** Lets all fibers that can run do so, without moving the clock. */
export const settle = Effect.promise(async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
})
