import { Cause, Effect, Exit, FiberId, type Scope } from "effect"
import type { Behaviour } from "./Behaviour.ts"
import { Cell, Status } from "./Cell.ts"
import { backOff, CrashRecord } from "./CrashRecord.ts"
import { Delivery } from "./Delivery.ts"
import { type HookGuard, hookGuard } from "./HookGuard.ts"
import { Jobs } from "./Jobs.ts"
import { EVERY } from "./Mailbox.ts"
import { Quiet } from "./Quiet.ts"
import { residents } from "./Residents.ts"
import { RestartCircuit } from "./RestartCircuit.ts"
import { StatusTally } from "./StatusTally.ts"
import type { Posted, Supervisor } from "./Supervisor.ts"
import * as Metrics from "./SupervisorMetrics.ts"
import { defaultOptions, type SupervisorOptions } from "./SupervisorOptions.ts"
import { TimingWheel, WheelEntry } from "./TimingWheel.ts"
import { Turns } from "./Turns.ts"

interface Parts<S, M extends {}, R> {
  readonly options: SupervisorOptions
  readonly wheel: TimingWheel<Cell<S, M> | WheelEntry>
  readonly jobs: Jobs<R>
  readonly guard: HookGuard
  readonly startResident: (cell: Cell<S, M>) => void
}

/** The actors of one process. See `Supervisor` for what the methods promise. */
export class LocalSupervisor<S, M extends {}, R> implements Supervisor<S, M, R> {
  private readonly behaviour: Behaviour<S, M>
  private readonly parts: Parts<S, M, R>
  private readonly registry = new Map<string, Cell<S, M>>()
  private readonly tally = new StatusTally()
  private readonly quiet = new Quiet()
  private readonly delivery: Delivery<S, M>
  private readonly turns: Turns<S, M>
  private readonly circuit: RestartCircuit<Cell<S, M>>
  private draining = false
  private drained = false
  /** Resident fibers. */
  private alive = 0

  static make<S, M extends {}, R>(
    behaviour: (supervisor: Supervisor<S, M, R>) => Behaviour<S, M>,
    options: Partial<SupervisorOptions>
  ): Effect.Effect<Supervisor<S, M, R>, never, R | Scope.Scope> {
    return Effect.gen(function* () {
      const parts: Parts<S, M, R> = {
        options: { ...defaultOptions, ...options },
        wheel: yield* TimingWheel.make<Cell<S, M> | WheelEntry>((entry, now) => self.fire(entry, now)),
        jobs: yield* Jobs.make<R>(),
        guard: yield* hookGuard,
        startResident: yield* residents<Cell<S, M>>({
          begin: (cell) => self.begin(cell),
          turn: (cell) => {
            const goesOn = self.turns.turn(cell)
            self.check()
            return goesOn
          },
          park: (cell, fiber) => self.turns.park(cell, fiber),
          ended: (cell, exit) => self.ended(cell, exit)
        })
      }
      const self = new LocalSupervisor<S, M, R>(behaviour, parts)
      yield* Effect.addFinalizer(() => (self.drained ? Effect.void : self.drain(0)))
      return self
    })
  }

  private constructor(
    behaviour: (supervisor: Supervisor<S, M, R>) => Behaviour<S, M>,
    parts: Parts<S, M, R>
  ) {
    this.parts = parts
    const appointment = new WheelEntry()
    this.circuit = new RestartCircuit(parts.options.circuit, {
      restart: (cell) => this.restart(cell),
      isUp: (cell) => cell.status === Status.Running,
      hold: (cell) => this.become(cell, Status.Held),
      arm: (due) => parts.wheel.arm(appointment, due),
      count: () => this.registry.size,
      changed: (open) => Metrics.setGauge(Metrics.circuitOpen, open ? 1 : 0)
    })
    this.behaviour = behaviour(this)
    this.delivery = new Delivery(this.behaviour, parts.guard)
    this.turns = new Turns(this.behaviour, this.delivery, parts.options.turn, () => parts.wheel.now())
  }

  spawn(id: string, state?: S): Cell<S, M> | undefined {
    const known = this.registry.get(id)
    if (known !== undefined || this.draining) return known
    const cell = new Cell<S, M>(id, state, this.parts.options.capacity)
    this.registry.set(id, cell)
    this.tally.enter(cell.status)
    if (state === undefined) this.load(cell)
    else this.live(cell)
    return cell
  }

  post(id: string, message: M): Posted {
    if (this.draining) return "draining"
    const cell = this.registry.get(id)
    if (cell === undefined) return "unknown"
    if (cell.status === Status.Parked) return "parked"
    return this.turns.lend(cell, message) || this.delivery.request(cell, message) ? "accepted" : "full"
  }

  system(target: string | Cell<S, M>, kind: number, message: M): Exclude<Posted, "full" | "draining"> {
    const cell = typeof target === "string" ? this.registry.get(target) : target
    if (cell === undefined || cell.status === Status.Stopped) return "unknown"
    if (cell.status === Status.Parked) return "parked"
    this.delivery.system(cell, kind, message)
    return "accepted"
  }

  runJob<A, E>(
    cell: Cell<S, M>,
    effect: Effect.Effect<A, E, R>,
    toMessage: (exit: Exit.Exit<A, E>) => M,
    until?: number
  ): void {
    const done = (exit: Exit.Exit<A, E>) => {
      this.parts.guard("toMessage", () => this.deliver(cell, toMessage(exit)))
      this.check()
    }
    if (cell.status === Status.Stopped) done(Exit.interrupt(FiberId.none))
    else this.parts.jobs.start(cell, effect, done, until)
  }

  now(): number {
    return this.parts.wheel.now()
  }

  arm(cell: Cell<S, M>, due: number): void {
    if (cell.status === Status.Running) this.parts.wheel.arm(cell, due)
  }

  disarm(cell: Cell<S, M>): void {
    if (cell.status !== Status.Running) return
    this.parts.wheel.cancel(cell)
    cell.isDue = false
  }

  stop(cell: Cell<S, M>): void {
    if (cell.status === Status.Stopped) return
    this.become(cell, Status.Stopped)
    if (this.registry.get(cell.id) === cell) this.registry.delete(cell.id)
    this.parts.wheel.cancel(cell)
    this.circuit.forget(cell, this.now())
    this.parts.jobs.interrupt(cell)
    this.delivery.refuseAll(cell, "draining")
    this.parts.guard("stopped", () => this.behaviour.stopped?.(cell))
    cell.mailbox.wake()
    this.check()
  }

  unpark(id: string): boolean {
    const cell = this.registry.get(id)
    if (cell?.status !== Status.Parked) return false
    cell.crashes = undefined
    this.parts.wheel.cancel(cell)
    this.circuit.admit(cell, this.now())
    return true
  }

  cell(id: string): Cell<S, M> | undefined {
    return this.registry.get(id)
  }

  count(): number {
    return this.registry.size
  }

  countOf(status: Status): number {
    return this.tally.of(status)
  }

  circuitOpen(): boolean {
    return this.circuit.isOpen
  }

  drain(deadlineMs: number): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      this.draining = true
      const { jobs } = this.parts
      const isDone = this.quiet.when(() => this.delivery.waiting === 0 && jobs.running === 0)
      if (deadlineMs > 0) yield* atMost(isDone, deadlineMs)
      for (const cell of this.registry.values()) if (isBusy(cell)) this.stop(cell)
      yield* this.stopIdle()
      yield* atMost(
        this.quiet.when(() => (this.alive === 0 || this.registry.size > 0) && jobs.running === 0),
        FAREWELL
      )
      this.drained = true
    })
  }

  /** Nobody waits for idle actors: a million of them would take seconds, so that some may end with the process. */
  private stopIdle(): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      const until = this.now() + FAREWELL
      let stopped = 0
      for (const cell of this.registry.values()) {
        this.stop(cell)
        if (++stopped % STOP_BATCH > 0) continue
        yield* Effect.yieldNow()
        if (this.now() >= until) return
      }
    })
  }

  private load(cell: Cell<S, M>): void {
    this.become(cell, Status.Loading)
    const effect = Effect.suspend(() => this.behaviour.load(cell.id, cell.state))
    this.parts.jobs.start(cell, effect, (exit) => {
      if (cell.status === Status.Stopped) this.check()
      else if (Exit.isFailure(exit)) this.crash(cell, Cause.squash(exit.cause))
      else if (exit.value === undefined) this.stop(cell)
      else {
        cell.state = exit.value
        this.live(cell)
      }
    })
  }

  private live(cell: Cell<S, M>): void {
    this.become(cell, Status.Running)
    this.alive++
    this.parts.startResident(cell)
  }

  private begin(cell: Cell<S, M>): void {
    const now = this.now()
    this.behaviour.started(cell, now)
    this.circuit.up(cell, now)
  }

  private ended(cell: Cell<S, M>, exit: Exit.Exit<void>): void {
    this.alive--
    if (Exit.isFailure(exit)) this.crash(cell, Cause.squash(exit.cause))
    this.check()
  }

  private crash(cell: Cell<S, M>, defect: unknown): void {
    cell.crashes ??= new CrashRecord()
    const message = cell.crashes.inHand
    cell.crashes.inHand = undefined
    if (cell.status === Status.Stopped && message === undefined) return
    Metrics.countOne(Metrics.crashes)
    this.parts.guard("crashed", () => this.behaviour.crashed(cell, message, defect))
    if (cell.status !== Status.Stopped) this.afterCrash(cell, cell.crashes, this.now())
  }

  private afterCrash(cell: Cell<S, M>, record: CrashRecord<M>, now: number): void {
    const { backOff: pause, intensity } = this.parts.options
    this.parts.wheel.cancel(cell)
    cell.isDue = false
    this.circuit.crashed(cell, now)
    const crashes = record.count(now, intensity.window)
    if (crashes > intensity.crashes) {
      this.setAside(cell, now)
    } else {
      this.become(cell, Status.Waiting)
      this.parts.wheel.arm(cell, now + backOff(crashes, pause.least, pause.most))
    }
  }

  private setAside(cell: Cell<S, M>, now: number): void {
    this.become(cell, Status.Parked)
    Metrics.countOne(Metrics.parkings)
    this.parts.wheel.arm(cell, now + this.parts.options.parkedFor)
    this.parts.guard("parked", () => this.behaviour.parked(cell))
    this.delivery.refuseAll(cell, "parked")
  }

  private restart(cell: Cell<S, M>): void {
    Metrics.countOne(Metrics.restarts)
    this.load(cell)
  }

  private fire(entry: Cell<S, M> | WheelEntry, now: number): void {
    if (!(entry instanceof Cell)) {
      this.circuit.due(now)
    } else if (entry.status === Status.Running) {
      if (entry.crashes?.isOver(now, this.parts.options.intensity.window)) entry.crashes = undefined
      entry.isDue = true
      entry.mailbox.wake()
    } else if (entry.status === Status.Waiting || entry.status === Status.Parked) {
      this.circuit.admit(entry, now)
    }
  }

  /** The result of a job. */
  private deliver(cell: Cell<S, M>, message: M): void {
    if (this.turns.lend(cell, message)) return
    const posted = this.system(cell, EVERY, message)
    if (posted !== "accepted")
      this.delivery.refuse(cell, message, posted === "parked" ? "parked" : "draining")
  }

  private become(cell: Cell<S, M>, status: Status): void {
    this.tally.move(cell.status, status)
    cell.status = status
  }

  private check(): void {
    this.quiet.check()
  }
}

/** Actors that are stopped between two looks at other fibers. */
const STOP_BATCH = 1024
/** Milliseconds for stopping idle actors, and for jobs that were interrupted to come to their end. */
const FAREWELL = 500

const isBusy = <S, M extends {}>(cell: Cell<S, M>): boolean =>
  cell.status !== Status.Running ||
  cell.jobs !== undefined ||
  cell.extra !== undefined ||
  !cell.mailbox.isEmpty

/** Also where nothing can be interrupted, as in finalizers. */
const atMost = (effect: Effect.Effect<void>, milliseconds: number) =>
  Effect.timeoutOption(Effect.interruptible(effect), milliseconds)
