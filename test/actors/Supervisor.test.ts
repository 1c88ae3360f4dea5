import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, TestClock } from "effect"
import { Status } from "../../actors/Cell.ts"
import * as Supervisor from "../../actors/Supervisor.ts"
import { bomb, type Note, Recorder, type State, settle } from "../support/Recorder.ts"

const fresh: State = { handled: 0 }

const setUp = (options: Parameters<typeof Supervisor.make>[1] = {}) =>
  Effect.gen(function* () {
    const recorder = new Recorder()
    const supervisor = yield* Supervisor.make<State, Note>(recorder.behaviour, options)
    return { recorder, supervisor }
  })

describe("an actor", () => {
  it.scoped("handles what is posted in order, one message after another", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp({ turn: 3 })
      supervisor.spawn("a", fresh)
      for (let n = 0; n < 10; n++) expect(supervisor.post("a", { n })).toBe("accepted")
      yield* settle
      expect(recorder.handled).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      expect(supervisor.cell("a")?.state).toEqual({ handled: 10 })
    })
  )

  it.scoped("loads its state when it starts without one, and keeps what is posted meanwhile", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      const storage = yield* Deferred.make<State>()
      recorder.load = () => Deferred.await(storage)
      supervisor.spawn("a")
      expect(supervisor.post("a", { n: 1 })).toBe("accepted")
      yield* settle
      expect(recorder.handled).toEqual([])
      expect(supervisor.countOf(Status.Loading)).toBe(1)
      yield* Deferred.succeed(storage, { handled: 41 })
      yield* settle
      expect(recorder.handled).toEqual([1])
      expect(supervisor.cell("a")?.state).toEqual({ handled: 42 })
    })
  )

  it.scoped("that storage does not know stops and refuses what waits", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      recorder.load = () => Effect.delay(Effect.succeed(undefined), 10)
      supervisor.spawn("a")
      supervisor.post("a", { n: 1 })
      yield* TestClock.adjust(10)
      expect(recorder.refused).toEqual([[1, "draining"]])
      expect(supervisor.post("a", { n: 2 })).toBe("unknown")
      expect(supervisor.count()).toBe(0)
    })
  )

  it.scoped("is started once however often it is spawned", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      const cell = supervisor.spawn("a", fresh)
      expect(supervisor.spawn("a", { handled: 99 })).toBe(cell)
      yield* settle
      expect(recorder.started).toEqual(["a"])
      expect(supervisor.count()).toBe(1)
    })
  )

  it.scoped("answers full when its mailbox is, and system messages still get through and go first", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp({ capacity: 2 })
      supervisor.spawn("a", fresh)
      // An idle actor would handle the first request at once.
      supervisor.system("a", 0, { n: 9 })
      expect(supervisor.post("a", { n: 1 })).toBe("accepted")
      expect(supervisor.post("a", { n: 2 })).toBe("accepted")
      expect(supervisor.post("a", { n: 3 })).toBe("full")
      expect(supervisor.system("a", 0, { n: 10 })).toBe("accepted")
      expect(supervisor.system("a", 1, { n: 11 })).toBe("accepted")
      expect(supervisor.system("a", 1, { n: 12 })).toBe("accepted")
      expect(supervisor.system("a", 0, { n: 13 })).toBe("accepted")
      yield* settle
      expect(recorder.handled).toEqual([9, 10, 12, 13, 1, 2])
    })
  )

  it.scoped(
    "that is idle handles a request before post returns, and what it posts to itself after that",
    () =>
      Effect.gen(function* () {
        const { recorder, supervisor } = yield* setUp()
        supervisor.spawn("a", fresh)
        yield* settle
        supervisor.post("a", { n: 1, act: () => void supervisor.post("a", { n: 2 }) })
        expect(recorder.handled).toEqual([1])
        yield* settle
        expect(recorder.handled).toEqual([1, 2])
        supervisor.post("a", { n: 3 })
        expect(recorder.handled).toEqual([1, 2, 3])
      })
  )

  it.scoped("that is idle crashes by a request as by any other message", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      supervisor.spawn("a", fresh)
      yield* settle
      const bug = () => {
        throw new Error("bug")
      }
      expect(supervisor.post("a", { n: 1, act: bug })).toBe("accepted")
      expect(supervisor.post("a", { n: 2 })).toBe("accepted")
      yield* settle
      expect(recorder.crashed).toHaveLength(1)
      yield* TestClock.adjust("1 second")
      expect(recorder.handled).toContain(2)
    })
  )

  it.scoped("hears of its due time once, when it has come", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      recorder.onStarted = (cell, now) => supervisor.arm(cell, now + 1000)
      supervisor.spawn("a", fresh)
      yield* TestClock.adjust(999)
      expect(recorder.due).toEqual([])
      yield* TestClock.adjust(10)
      expect(recorder.due).toEqual(["a"])
      yield* TestClock.adjust("2 hours")
      expect(recorder.due).toEqual(["a"])
    })
  )

  it.scoped("stays responsive while a job runs, and gets the job's exit as a message", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp({ capacity: 1 })
      supervisor.spawn("a", fresh)
      const slow: Note = {
        n: 1,
        act: (cell, self) =>
          self.runJob(cell, Effect.as(Effect.sleep("30 seconds"), 7), (exit) => ({
            n: Exit.isSuccess(exit) ? exit.value : -1
          }))
      }
      supervisor.post("a", slow)
      yield* settle
      supervisor.post("a", { n: 2 })
      yield* settle
      expect(recorder.handled).toEqual([1, 2])
      yield* TestClock.adjust("30 seconds")
      expect(recorder.handled).toEqual([1, 2, 7])
    })
  )

  it.scoped("gets a message also from a job that dies", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      const cell = supervisor.spawn("a", fresh)!
      supervisor.runJob(cell, Effect.die("bug"), (exit) => ({ n: Exit.isFailure(exit) ? 1 : 0 }))
      yield* settle
      expect(recorder.handled).toEqual([1])
    })
  )

  it.scoped("that stops interrupts its jobs and settles all that waits for it", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      const cell = supervisor.spawn("a", fresh)!
      let interrupted = false
      const job = Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true)))
      supervisor.runJob(cell, job, () => ({ n: 1 }))
      yield* settle
      supervisor.system("a", 0, { n: 6 })
      supervisor.post("a", { n: 2, act: (self) => supervisor.stop(self) })
      supervisor.post("a", { n: 3 })
      yield* settle
      expect(interrupted).toBe(true)
      expect(recorder.handled).toEqual([6, 2])
      expect(recorder.refused).toEqual([
        [3, "draining"],
        [1, "draining"]
      ])
      supervisor.runJob(cell, Effect.void, () => ({ n: 4 }))
      expect(recorder.refused).toHaveLength(3)
      expect(supervisor.post("a", { n: 5 })).toBe("unknown")
    })
  )
})

describe("a crash", () => {
  it.scoped("settles the message in hand and restarts with everything that waited", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      supervisor.spawn("a", fresh)
      for (const note of [{ n: 1 }, bomb(2), { n: 3 }]) supervisor.post("a", note)
      yield* settle
      expect(recorder.handled).toEqual([1])
      expect(recorder.crashed).toEqual([2])
      expect(supervisor.countOf(Status.Waiting)).toBe(1)
      expect(supervisor.post("a", { n: 4 })).toBe("accepted")
      yield* TestClock.adjust(100)
      expect(recorder.handled).toEqual([1, 3, 4])
      expect(recorder.loaded).toEqual([["a", { handled: 1 }]])
    })
  )

  it.scoped("forgets what the crashed handling did to the state, and calls off its timer", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      recorder.onDue = () => {
        throw new Error("in a timer")
      }
      const cell = supervisor.spawn("a", fresh)!
      supervisor.arm(cell, supervisor.now() + 1000)
      yield* TestClock.adjust(1010)
      expect(recorder.crashed).toEqual([undefined])
      expect(cell.state).toEqual(fresh)
      yield* TestClock.adjust("1 hour")
      expect(recorder.due).toEqual(["a"])
      expect(recorder.started).toEqual(["a", "a"])
    })
  )

  it.scoped("doubles the pause before the restart", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      supervisor.spawn("a", fresh)
      const pauses = [100, 200, 400, 800, 1600]
      for (const pause of pauses) {
        supervisor.post("a", bomb(0))
        yield* settle
        const before = recorder.loaded.length
        yield* TestClock.adjust(pause - 1)
        expect(recorder.loaded.length).toBe(before)
        yield* TestClock.adjust(20)
        expect(recorder.loaded.length).toBe(before + 1)
      }
    })
  )

  it.scoped("repeated too often parks the actor, and no other notices", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      supervisor.spawn("bad", fresh)
      supervisor.spawn("good", fresh)
      for (let n = 0; n < 6; n++) supervisor.post("bad", bomb(n))
      supervisor.post("bad", { n: 100 })
      yield* TestClock.adjust("10 seconds")
      expect(recorder.crashed).toEqual([0, 1, 2, 3, 4, 5])
      expect(recorder.parked).toEqual(["bad"])
      expect(recorder.refused).toEqual([[100, "parked"]])
      expect(supervisor.post("bad", { n: 101 })).toBe("parked")
      expect(supervisor.system("bad", 0, { n: 102 })).toBe("parked")
      supervisor.post("good", { n: 200 })
      yield* settle
      expect(recorder.handled).toEqual([200])
      expect(supervisor.countOf(Status.Parked)).toBe(1)
    })
  )

  it.scoped("is forgiven after a quiet minute", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      supervisor.spawn("a", fresh)
      for (let n = 0; n < 12; n++) {
        supervisor.post("a", bomb(n))
        yield* TestClock.adjust("15 seconds")
      }
      expect(recorder.parked).toEqual([])
      expect(recorder.crashed).toHaveLength(12)
    })
  )

  it.scoped("while loading counts like any other, and ends as parking when loading keeps failing", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      recorder.load = () => Effect.die("storage is broken")
      supervisor.spawn("a")
      supervisor.post("a", { n: 1 })
      yield* TestClock.adjust("10 seconds")
      expect(recorder.crashed).toEqual([undefined, undefined, undefined, undefined, undefined, undefined])
      expect(recorder.refused).toEqual([[1, "parked"]])
      recorder.load = () => Effect.succeed(fresh)
      yield* TestClock.adjust("15 minutes")
      expect(supervisor.post("a", { n: 2 })).toBe("accepted")
      yield* settle
      expect(recorder.handled).toEqual([2])
    })
  )

  it.scoped("does not interrupt the actor's jobs: their results come after the restart", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      const cell = supervisor.spawn("a", fresh)!
      supervisor.runJob(cell, Effect.sleep(50), () => ({ n: 7 }))
      supervisor.post("a", bomb(1))
      yield* TestClock.adjust(60)
      expect(recorder.handled).toEqual([])
      yield* TestClock.adjust(100)
      expect(recorder.handled).toEqual([7])
    })
  )

  it.scoped("while a job runs and then parking refuses the job's result", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      const cell = supervisor.spawn("a", fresh)!
      supervisor.runJob(cell, Effect.sleep("1 minute"), () => ({ n: 7 }))
      for (let n = 0; n < 6; n++) supervisor.post("a", bomb(n))
      yield* TestClock.adjust("1 minute")
      expect(recorder.refused).toEqual([[7, "parked"]])
    })
  )

  it.scoped("in the hook that settles a message harms no other message", () =>
    Effect.gen(function* () {
      const recorder = new Recorder()
      const supervisor = yield* Supervisor.make<State, Note>((self) => ({
        ...recorder.behaviour(self),
        crashed: () => {
          throw new Error("broken hook")
        }
      }))
      supervisor.spawn("a", fresh)
      supervisor.post("a", bomb(1))
      supervisor.post("a", { n: 2 })
      yield* TestClock.adjust(100)
      expect(recorder.handled).toEqual([2])
    })
  )
})

describe("a parked actor", () => {
  const parked = Effect.gen(function* () {
    const context = yield* setUp()
    context.supervisor.spawn("a", fresh)
    for (let n = 0; n < 6; n++) context.supervisor.post("a", bomb(n))
    yield* TestClock.adjust("10 seconds")
    expect(context.supervisor.countOf(Status.Parked)).toBe(1)
    return context
  })

  it.scoped("is tried again after 15 minutes", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* parked
      yield* TestClock.adjust("14 minutes")
      expect(supervisor.post("a", { n: 1 })).toBe("parked")
      yield* TestClock.adjust("2 minutes")
      expect(supervisor.post("a", { n: 2 })).toBe("accepted")
      yield* settle
      expect(recorder.handled).toEqual([2])
    })
  )

  it.scoped("comes back at once when it is unparked", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* parked
      expect(supervisor.unpark("a")).toBe(true)
      expect(supervisor.unpark("a")).toBe(false)
      expect(supervisor.post("a", { n: 1 })).toBe("accepted")
      yield* settle
      expect(recorder.handled).toEqual([1])
    })
  )

  it.scoped("can be stopped, and stays gone", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* parked
      supervisor.stop(supervisor.cell("a")!)
      yield* TestClock.adjust("1 hour")
      expect(supervisor.count()).toBe(0)
      expect(recorder.loaded).toHaveLength(5)
    })
  )
})

/** Timers fire in slices as turns do: the clock waits for them. */
const pass = (seconds: number) =>
  Effect.forEach(
    Array.from({ length: seconds }),
    () => Effect.zipRight(TestClock.adjust("1 second"), Effect.all([settle, settle, settle])),
    { discard: true }
  )

describe("many crashes at once", () => {
  it.scoped("open the circuit: one probe at a time, then all come back at a bounded rate", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      const N = 10_000
      for (let i = 0; i < N; i++) supervisor.spawn(`${i}`, fresh)
      let broken = true
      const poison: Note = {
        n: 1,
        act: () => {
          if (broken) throw new Error("shared fault")
        }
      }
      for (let i = 0; i < N; i++) {
        supervisor.post(`${i}`, poison)
        supervisor.post(`${i}`, poison)
      }
      // Turns run in slices, so that so many of them keep nobody else waiting.
      for (let i = 0; i < 50 && recorder.crashed.length < N; i++) yield* settle
      expect(recorder.crashed).toHaveLength(N)
      expect(supervisor.circuitOpen()).toBe(true)
      yield* pass(10)
      // Probes after pauses of 1, 2 and 4 s; a storm would be thousands.
      expect(recorder.loaded.length).toBeGreaterThan(1)
      expect(recorder.loaded.length).toBeLessThan(6)
      expect(supervisor.countOf(Status.Held)).toBeGreaterThan(N - 6)
      broken = false
      yield* pass(40)
      expect(supervisor.circuitOpen()).toBe(false)
      const probes = recorder.loaded.length
      yield* pass(1)
      expect(recorder.loaded.length - probes).toBeLessThanOrEqual(220)
      yield* pass(60)
      expect(supervisor.countOf(Status.Running)).toBe(N)
      expect(recorder.handled.length + recorder.crashed.length).toBe(2 * N)
    })
  )

  it.scoped("of few actors do not open it", () =>
    Effect.gen(function* () {
      const { supervisor } = yield* setUp()
      for (let i = 0; i < 100; i++) supervisor.spawn(`${i}`, fresh)
      for (let i = 0; i < 20; i++) supervisor.post(`${i}`, bomb(1))
      yield* settle
      expect(supervisor.circuitOpen()).toBe(false)
      yield* TestClock.adjust(200)
      expect(supervisor.countOf(Status.Running)).toBe(100)
    })
  )
})

describe("the end", () => {
  it.scoped("draining takes nothing new, lets jobs and mailboxes finish, then stops all", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      const cell = supervisor.spawn("a", fresh)!
      supervisor.post("a", { n: 1 })
      supervisor.runJob(cell, Effect.sleep("2 seconds"), () => ({ n: 2 }))
      const drained = yield* Effect.fork(supervisor.drain(10_000))
      yield* settle
      expect(supervisor.post("a", { n: 3 })).toBe("draining")
      expect(supervisor.spawn("b", fresh)).toBeUndefined()
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(drained)
      expect(recorder.handled).toEqual([1, 2])
      expect(recorder.refused).toEqual([])
      expect(supervisor.count()).toBe(0)
    })
  )

  it.scoped("draining refuses at the deadline what is left", () =>
    Effect.gen(function* () {
      const { recorder, supervisor } = yield* setUp()
      const cell = supervisor.spawn("a", fresh)!
      supervisor.runJob(cell, Effect.never, () => ({ n: 1 }))
      recorder.load = () => Effect.never
      supervisor.spawn("loading")
      supervisor.post("loading", { n: 2 })
      const drained = yield* Effect.fork(supervisor.drain(10_000))
      yield* TestClock.adjust("9 seconds")
      expect(recorder.refused).toEqual([])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(drained)
      expect([...recorder.refused].sort()).toEqual([
        [1, "draining"],
        [2, "draining"]
      ])
    })
  )

  it.effect("closing the scope ends every actor in whatever it is doing", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { recorder, supervisor } = yield* Scope.extend(setUp(), scope)
      const before = yield* Fiber.roots
      for (let i = 0; i < 5000; i++) supervisor.spawn(`${i}`, fresh)
      const busy = supervisor.cell("1")!
      supervisor.runJob(busy, Effect.never, () => ({ n: 1 }))
      for (let n = 0; n < 6; n++) supervisor.post("2", bomb(n))
      supervisor.post("3", bomb(0))
      supervisor.post("3", { n: 2 })
      yield* settle
      expect((yield* Fiber.roots).length).toBeGreaterThan(before.length + 4990)
      yield* Scope.close(scope, Exit.void)
      expect(recorder.refused).toContainEqual([1, "draining"])
      expect(recorder.refused).toContainEqual([2, "draining"])
      expect((yield* Fiber.roots).length).toBeLessThanOrEqual(before.length)
    })
  )

  it.scoped("an interruption from outside costs no message", () =>
    Effect.gen(function* () {
      const before = new Set(yield* Fiber.roots)
      const { recorder, supervisor } = yield* setUp()
      supervisor.spawn("a", fresh)
      for (let n = 0; n < 40; n++) {
        supervisor.post("a", { n })
        if (n % 5 === 0) {
          for (const fiber of yield* Fiber.roots) if (!before.has(fiber)) yield* Fiber.interruptFork(fiber)
        }
        yield* TestClock.adjust("1 minute")
      }
      expect(recorder.handled).toEqual(Array.from({ length: 40 }, (_, n) => n))
    })
  )
})
