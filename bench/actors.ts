import { Effect, Exit, Scope } from "effect"
import type { Behaviour } from "../actors/Behaviour.ts"
import * as Supervisor from "../actors/Supervisor.ts"
import { genServers } from "./peers/GenServer.ts"
import { type Subject, subscriptions } from "./SampleState.ts"

export const name = "actors"
export const about =
  "retained heap and speed of resident actors, each with state, cell, mailbox, fiber, registry and wheel entry"

export interface ActorsRow {
  readonly runtime: string
  readonly n: number
  /** Retained after a full collection, when each has handled messages and is parked again. */
  readonly bytesPerActor: number
  readonly spawnMicroseconds: number
  /** One message to each of `n` parked actors. */
  readonly wokenPerSecond: number
  /** Many messages to one actor. */
  readonly burstPerSecond: number
  /** Until all are gone. */
  readonly closeMilliseconds: number
}

/** `n` picks one size instead of 1,000, 10,000 and 100,000. */
export const run = async (
  options: { readonly n?: number | undefined } = {}
): Promise<ReadonlyArray<ActorsRow>> => {
  const sizes = options.n === undefined ? [1_000, 10_000, 100_000] : [options.n]
  // Code that is compiled while the smallest size is measured would be counted as its actors' memory.
  await measure(2_000, subscriptions)
  const rows: Array<ActorsRow> = []
  for (const n of sizes) rows.push(await measure(n, subscriptions))
  return [...rows, ...(await genServers(sizes))]
}

/** Measures `n` actors of a subject: the state they hold and what a message does to it. */
export const measure = async <S>(n: number, subject: Subject<S>): Promise<ActorsRow> => {
  const counter = new Counter()
  const scope = await Effect.runPromise(Scope.make())
  const supervisor = await start(subject, counter, scope)
  const before = await retained()
  const spawning = performance.now()
  for (let i = 1; i <= n; i++) supervisor.spawn(`${i}`, subject.state(`${i}`, i))
  const spawnMicroseconds = ((performance.now() - spawning) * 1000) / n
  const wokenPerSecond = await wake(supervisor, counter, n)
  const bytesPerActor = ((await retained()) - before) / n
  const closing = performance.now()
  await Effect.runPromise(Scope.close(scope, Exit.void))
  const closeMilliseconds = performance.now() - closing
  return {
    runtime: `ENS on Node ${process.versions.node}`,
    n,
    bytesPerActor: Math.round(bytesPerActor),
    spawnMicroseconds,
    wokenPerSecond,
    burstPerSecond: await burst(subject),
    closeMilliseconds
  }
}

/** Counts handled messages and tells when there were enough. */
class Counter {
  private left = 0
  private done: () => void = () => {}

  expect(messages: number): Promise<void> {
    this.left = messages
    return new Promise((resolve) => {
      this.done = resolve
    })
  }

  count(): void {
    if (--this.left === 0) this.done()
  }
}

type Running<S> = Supervisor.Supervisor<S, Heartbeat>

interface Heartbeat {
  readonly at: number
}

const start = <S>(
  subject: Subject<S>,
  counter: Counter,
  scope: Scope.Scope,
  capacity = 64
): Promise<Running<S>> =>
  Effect.runPromise(
    Supervisor.make<S, Heartbeat>(
      (supervisor): Behaviour<S, Heartbeat> => ({
        load: (_id, lastGood) => Effect.succeed(lastGood),
        started: (cell, now) => supervisor.arm(cell, now + HALF_AN_HOUR + (Number(cell.id) % 60_000)),
        receive: (cell, message, now) => {
          if (cell.state !== undefined) cell.state = subject.next(cell.id, cell.state, message.at)
          supervisor.arm(cell, now + HALF_AN_HOUR + (Number(cell.id) % 60_000))
          counter.count()
        },
        due: () => {},
        crashed: (_cell, _message, defect) => {
          throw defect
        },
        refuse: () => {},
        parked: () => {}
      }),
      { capacity }
    ).pipe(Scope.extend(scope))
  )

const wake = async <S>(supervisor: Running<S>, counter: Counter, n: number): Promise<number> => {
  const rounds = Math.max(3, Math.ceil(200_000 / n))
  const began = performance.now()
  for (let round = 0; round < rounds; round++) {
    const all = counter.expect(n)
    for (let i = 1; i <= n; i++) supervisor.post(`${i}`, { at: Date.now() })
    await all
  }
  return perSecond(rounds * n, began)
}

const burst = async <S>(subject: Subject<S>): Promise<number> => {
  const counter = new Counter()
  const scope = await Effect.runPromise(Scope.make())
  const supervisor = await start(subject, counter, scope, BURST)
  supervisor.spawn("1", subject.state("1", 0))
  const began = performance.now()
  const all = counter.expect(BURST)
  for (let i = 0; i < BURST; i++) supervisor.post("1", { at: i })
  await all
  const rate = perSecond(BURST, began)
  await Effect.runPromise(Scope.close(scope, Exit.void))
  return rate
}

const perSecond = (messages: number, began: number): number =>
  Math.round((messages / (performance.now() - began)) * 1000)

const retained = async (): Promise<number> => {
  if (globalThis.gc === undefined) throw new Error("start it with npm run bench, or node --expose-gc")
  for (let i = 0; i < 5; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return process.memoryUsage().heapUsed
}

const HALF_AN_HOUR = 1_800_000

const BURST = 200_000
