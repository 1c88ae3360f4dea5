import { type Clock, Effect, Fiber, FiberId, Runtime, type Scope } from "effect"
import { cleanRuntime } from "./CleanRuntime.ts"
import { nextTurn } from "./NextTurn.ts"
import { SlotHeap } from "./SlotHeap.ts"

/** The place of one timer in the wheel, to be extended by what owns it: at most one due time is armed per entry. */
export class WheelEntry {
  /** Where it waits; undefined = not armed. The wheel's own business. */
  slot: Slot | undefined
  previous: WheelEntry | undefined
  next: WheelEntry | undefined

  constructor() {
    this.slot = undefined
    this.previous = undefined
    this.next = undefined
  }

  get armed(): boolean {
    return this.slot !== undefined
  }
}

/**
 * All timers of a process, on one sleeping fiber. Due times are absolute milliseconds of `now()`. An entry never fires
 * early; it may fire late by 1/64 of its delay, at most by a second (beyond 70 minutes by 1/2000): timers that are due
 * at about the same time share a slot, and only occupied slots cost a wake-up.
 *
 * Arming, moving and cancelling cost the same however many timers there are; only the first timer of a slot pays for
 * finding the slot's place among the occupied ones.
 */
export class TimingWheel<E extends WheelEntry> {
  private readonly clock: Clock.Clock
  private readonly fork: Fork
  private readonly fire: (entry: E, now: number) => void
  private readonly slots = new Map<number, Slot>()
  private readonly order = new SlotHeap<Slot>()
  /** Slots whose time has come and which still hold timers. */
  private readonly due: Array<Slot> = []
  private sleeper: Fiber.RuntimeFiber<void> | undefined
  private wakesAt = Number.POSITIVE_INFINITY
  private planned = false
  private closed = false

  /**
   * A wheel that calls `fire` for each entry whose time has come, in order of slots. It stops with the scope. `fire`
   * may arm and cancel anything; it must not throw.
   */
  static make<E extends WheelEntry>(
    fire: (entry: E, now: number) => void
  ): Effect.Effect<TimingWheel<E>, never, Scope.Scope> {
    return Effect.gen(function* () {
      const clock = yield* Effect.clock
      const runtime = yield* cleanRuntime<never>()
      return yield* Effect.acquireRelease(
        Effect.sync(() => new TimingWheel<E>(clock, Runtime.runFork(runtime), fire)),
        (wheel) => wheel.close
      )
    })
  }

  private constructor(clock: Clock.Clock, fork: Fork, fire: (entry: E, now: number) => void) {
    this.clock = clock
    this.fork = fork
    this.fire = fire
  }

  /** Monotonic milliseconds; the zero is arbitrary. */
  now(): number {
    return Number(this.clock.unsafeCurrentTimeNanos()) / 1e6
  }

  /** Lets the entry fire at `due`, and not at the time it was armed for before. In the past = as soon as possible. */
  arm(entry: E, due: number): void {
    if (this.closed) return
    const time = slotTime(due, due - this.now())
    if (entry.slot?.time === time) return
    unlink(entry)
    let slot = this.slots.get(time)
    if (slot === undefined) {
      slot = { time, first: undefined, last: undefined }
      this.slots.set(time, slot)
      this.order.push(slot)
      if (time < this.wakesAt) this.planSoon()
    }
    link(entry, slot)
  }

  cancel(entry: E): void {
    unlink(entry)
  }

  /** How many slots are kept; for tests of boundedness. */
  get slotCount(): number {
    return this.order.size
  }

  private readonly close = Effect.suspend(() => {
    const sleeper = this.sleeper
    this.closed = true
    this.sleeper = undefined
    return sleeper === undefined ? Effect.void : Fiber.interrupt(sleeper)
  })

  /** Once per burst: arming thousands of timers in a row must not replace the sleeper thousands of times. */
  private planSoon(): void {
    if (this.planned) return
    this.planned = true
    queueMicrotask(() => {
      this.planned = false
      this.plan()
    })
  }

  private plan(): void {
    const next = this.due.length > 0 ? Number.NEGATIVE_INFINITY : this.earliest()?.time
    if (this.closed || next === undefined || next >= this.wakesAt) return
    const now = this.now()
    this.wakesAt = Math.min(next, now + LONGEST_SLEEP)
    this.sleeper?.unsafeInterruptAsFork(FiberId.none)
    const wait = this.wakesAt - now
    // A due time in the past must not need the clock to move, nor may it keep I/O from being served.
    const pause = wait > 0 ? Effect.sleep(Math.ceil(wait)) : nextTurn
    const sleeper = this.fork(pause)
    this.sleeper = sleeper
    sleeper.addObserver(() => this.woken(sleeper))
  }

  /** Also when the sleeper was interrupted by somebody else: then nothing is due, and it is replaced. */
  private woken(sleeper: Fiber.RuntimeFiber<void>): void {
    if (this.sleeper !== sleeper) return
    this.sleeper = undefined
    this.wakesAt = Number.POSITIVE_INFINITY
    this.tick(this.now())
    this.plan()
  }

  private tick(now: number): void {
    // All of them first: what is armed while firing waits for the next tick, even if its time is over already.
    this.takeDue(now)
    for (let left = SLICE; left > 0 && !this.closed; left--) {
      const entry = this.firstDue()
      if (entry === undefined) return
      unlink(entry)
      this.fire(entry as E, now)
    }
  }

  private takeDue(now: number): void {
    for (let slot = this.earliest(); slot !== undefined && slot.time <= now; slot = this.earliest()) {
      this.forget(slot)
      this.due.push(slot)
    }
  }

  private firstDue(): WheelEntry | undefined {
    for (let slot = this.due[0]; slot !== undefined; slot = this.due[0]) {
      if (slot.first !== undefined) return slot.first
      this.due.shift()
    }
    return undefined
  }

  /** The earliest slot that holds a timer; empty ones are given up on the way. */
  private earliest(): Slot | undefined {
    let slot = this.order.peek()
    while (slot !== undefined && slot.first === undefined) {
      this.forget(slot)
      slot = this.order.peek()
    }
    return slot
  }

  private forget(slot: Slot): void {
    this.order.pop()
    this.slots.delete(slot.time)
  }
}

interface Slot {
  readonly time: number
  first: WheelEntry | undefined
  last: WheelEntry | undefined
}

type Fork = (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>

/** Below 2^31 ms, the longest that a timer of Node can wait; a clock that jumped is noticed within the hour. */
const LONGEST_SLEEP = 3_600_000

/** Timers that fire between two looks at I/O: after a start or a long stop of the process all may be due at once. */
const SLICE = 256

/** The end of the slot for a timer that is due at `due`, `delay` from now. Slots are powers of two wide. */
const slotTime = (due: number, delay: number): number => {
  const exponent = 31 - Math.clz32(Math.min(Math.max(delay, 1), 2 ** 31 - 1))
  const width = 2 ** Math.max(0, Math.min(exponent - 7, 10), exponent - 12)
  return Math.ceil(due / width) * width
}

const link = (entry: WheelEntry, slot: Slot): void => {
  entry.slot = slot
  entry.previous = slot.last
  if (slot.last === undefined) slot.first = entry
  else slot.last.next = entry
  slot.last = entry
}

const unlink = (entry: WheelEntry): void => {
  const slot = entry.slot
  if (slot === undefined) return
  if (entry.previous === undefined) slot.first = entry.next
  else entry.previous.next = entry.next
  if (entry.next === undefined) slot.last = entry.previous
  else entry.next.previous = entry.previous
  entry.slot = undefined
  entry.previous = undefined
  entry.next = undefined
}
