import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, FastCheck as fc } from "effect"
import type { Cell } from "../../actors/Cell.ts"
import * as Supervisor from "../../actors/Supervisor.ts"
import { ManualClock, turns } from "../support/ManualClock.ts"
import { bomb, type Note, Recorder, type State } from "../support/Recorder.ts"

type Step = { readonly op: (typeof ops)[number]; readonly actor: number; readonly amount: number }

const ops = [
  "post",
  "post",
  "post",
  "bomb",
  "hammer",
  "system",
  "job",
  "stop inside",
  "stop inside and throw",
  "stop",
  "spawn",
  "load",
  "unpark",
  "time",
  "time",
  "turn",
  "interrupt",
  "break storage",
  "mend storage",
  "drain"
] as const

const step: fc.Arbitrary<Step> = fc.record({
  op: fc.constantFrom(...ops),
  actor: fc.nat(3),
  amount: fc.oneof(fc.nat(300), fc.nat(20_000), fc.nat(1_000_000))
})

/** Drain is rare, else it would end most sequences early. */
const steps = fc.array(
  step.filter(({ op, amount }) => op !== "drain" || amount % 8 === 0),
  { minLength: 10, maxLength: 120, size: "max" }
)

const run = async (sequence: ReadonlyArray<Step>): Promise<void> => {
  const clock = new ManualClock()
  const recorder = new Recorder()
  const accepted: Array<number> = []
  const scenario = Effect.gen(function* () {
    const before = new Set(yield* Fiber.roots)
    const supervisor = yield* Supervisor.make<State, Note>(recorder.behaviour, {
      capacity: 4,
      turn: 2,
      circuit: {
        least: 2,
        fraction: 0.01,
        window: 10_000,
        survive: 5_000,
        pause: { least: 1_000, most: 30_000 },
        rate: 20
      }
    })
    const spawn = (id: string, state?: State) => supervisor.spawn(id, state)
    for (const id of ["0", "1", "2", "3"]) spawn(id, { handled: 0 })
    let n = 0
    const post = (id: string, note: Note) => {
      if (supervisor.post(id, note) === "accepted") accepted.push(note.n)
    }
    for (const { op, actor, amount } of sequence) {
      const id = `${actor}`
      const cell: Cell<State, Note> | undefined = supervisor.cell(id)
      n++
      if (op === "post") post(id, { n })
      else if (op === "bomb") post(id, bomb(n))
      else if (op === "hammer") {
        for (let i = 0; i < 7; i++) {
          post(id, bomb(n + i / 10))
          post(id, { n: n + i / 10 + 0.05 })
          yield* Effect.promise(() => clock.advance(amount % 4000))
        }
      } else if (op === "stop inside") post(id, { n, act: (self) => supervisor.stop(self) })
      else if (op === "stop inside and throw") {
        const act = (self: Cell<State, Note>) => {
          supervisor.stop(self)
          throw new Error("bomb")
        }
        post(id, { n, act })
      } else if (op === "system") {
        if (supervisor.system(id, 0, { n }) === "accepted") accepted.push(n)
      } else if (op === "job" && cell !== undefined) {
        const result = n
        accepted.push(result)
        supervisor.runJob(cell, amount % 5 === 0 ? Effect.die("job") : Effect.sleep(amount), () => ({
          n: result
        }))
      } else if (op === "stop" && cell !== undefined) supervisor.stop(cell)
      else if (op === "spawn") spawn(id, { handled: 0 })
      else if (op === "load") spawn(id)
      else if (op === "unpark") supervisor.unpark(id)
      else if (op === "time") yield* Effect.promise(() => clock.advance(amount))
      else if (op === "turn") yield* Effect.promise(turns)
      else if (op === "interrupt") {
        const roots = yield* Fiber.roots
        const mine = roots.filter((fiber) => !before.has(fiber))
        const fiber = mine[amount % Math.max(1, mine.length)]
        if (fiber !== undefined) yield* Fiber.interruptFork(fiber)
      } else if (op === "break storage") recorder.load = () => Effect.delay(Effect.die("storage"), 20)
      else if (op === "mend storage") {
        recorder.load = (_id, lastGood) =>
          amount % 7 === 0
            ? Effect.succeed(undefined)
            : Effect.delay(Effect.succeed(lastGood ?? { handled: 0 }), 20)
      } else if (op === "drain") {
        const drained = yield* Effect.fork(supervisor.drain(amount))
        yield* Effect.promise(() => clock.advance(amount + 1000))
        yield* Fiber.join(drained)
        expect(supervisor.count()).toBe(0)
      }
    }
  })
  await Effect.runPromise(Effect.withClock(Effect.scoped(scenario), clock))
  const settled = [
    ...recorder.handled,
    ...recorder.crashed.filter((n) => n !== undefined),
    ...recorder.refused.map(([n]) => n)
  ]
  expect(settled.sort((a, b) => a - b)).toEqual(accepted.sort((a, b) => a - b))
}

describe("whatever happens", () => {
  it(
    "every accepted message and every job's result is handled once or refused once",
    () => fc.assert(fc.asyncProperty(steps, run), { numRuns: 300 }),
    60_000
  )
})
