import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Metric, Scope } from "effect"
import { History } from "../../actors/History.ts"
import * as HistoryLog from "../../actors/HistoryLog.ts"
import { Ownership } from "../../layers/ownership/Ownership.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { HISTORY_MAX, type HistoryEvent, pack, unpack } from "../../schemas/History.ts"
import { StorageError } from "../../schemas/StorageError.ts"
import { addSubscriber, addTenant } from "../layers/storage/Samples.ts"
import { layerFaulty, StorageFaults } from "../support/FaultyStorage.ts"
import * as LogRecorder from "../support/LogRecorder.ts"
import { makeOwnership } from "../support/ScriptedOwnership.ts"
import { StepClock } from "../support/StepClock.ts"

const START = 1_760_000_000_000

/** A history on a storage in memory with some users. */
const make = (count: number, change: (storage: Storage["Type"]) => Partial<Storage["Type"]> = () => ({})) =>
  Effect.gen(function* () {
    const clock = new StepClock(START)
    const below = yield* Layer.build(layerFaulty(MemoryStorage.layer))
    const storage = Context.get(below, Storage)
    const tenant = yield* Effect.provideService(addTenant("t"), Storage, storage)
    const users = yield* Effect.forEach(Array.from({ length: count }), (_, index) =>
      Effect.provideService(addSubscriber(tenant, `user${index}`), Storage, storage)
    )
    const lines: Array<LogRecorder.LogLine> = []
    const node = makeOwnership("active")
    const scope = yield* Scope.make()
    const built = yield* Layer.buildWithScope(
      HistoryLog.layer.pipe(
        Layer.provide(Layer.succeed(Ownership, node.service)),
        Layer.provide(Layer.succeed(Storage, { ...storage, ...change(storage) })),
        Layer.provideMerge(LogRecorder.layer(lines))
      ),
      scope
    ).pipe(Effect.withClock(clock))
    const close = Effect.withClock(Scope.close(scope, Exit.void), clock)
    yield* Effect.addFinalizer(() => close)
    return {
      history: Context.get(built, History),
      faults: Context.get(below, StorageFaults),
      storage,
      users,
      node,
      clock,
      advance: (ms: number) => clock.advance(ms),
      close,
      stored: (index: number) =>
        Effect.map(
          storage.histories([users[index]!]),
          ([found]): ReadonlyArray<HistoryEvent> => (found === undefined ? [] : unpack(found.events))
        ),
      lines: () => lines.map(({ level, text }) => `${level} ${text.split(" {")[0]}`)
    }
  })

/** How many events have been dropped by everyone so far. */
const dropped = Effect.map(
  Metric.value(
    Metric.counter("ens_history_dropped_total", {
      description:
        "Events in users' histories that were not kept, because storage was away or did not keep up",
      incremental: true
    })
  ),
  ({ count }) => Number(count)
)

describe("what is noted", () => {
  it.scopedLive("is written some seconds later, behind what is there already", () =>
    Effect.gen(function* () {
      const world = yield* make(2)
      const [ann, bob] = world.users
      world.history.note(ann!, "registration", "UserSubscribed")
      world.history.note(bob!, "mail", "delivered", 3)
      expect(yield* world.stored(0)).toEqual([])
      yield* world.advance(5_000)
      expect(yield* world.stored(0)).toEqual([
        { at: START, kind: "registration", detail: "UserSubscribed", times: 1 }
      ])
      expect(yield* world.stored(1)).toEqual([{ at: START, kind: "mail", detail: "delivered", times: 3 }])
      world.history.note(ann!, "state", "Active: Exchange called back")
      yield* world.advance(5_000)
      expect((yield* world.stored(0)).map(({ kind }) => kind)).toEqual(["registration", "state"])
      const [row] = yield* world.storage.histories([ann!])
      expect(row?.lastAt).toBe(START + 5_000)
    })
  )

  it.scopedLive("as heartbeats in a row is one event, however it was written", () =>
    Effect.gen(function* () {
      const world = yield* make(1)
      const [ann] = world.users
      for (let i = 0; i < 4; i++) {
        world.history.note(ann!, "heartbeat", "")
        yield* world.advance(3_000)
      }
      yield* world.advance(5_000)
      expect(yield* world.stored(0)).toEqual([
        { at: START + 9_000, kind: "heartbeat", detail: "", times: 4, since: START }
      ])
    })
  )

  it.scopedLive("keeps its order when something else comes between heartbeats", () =>
    Effect.gen(function* () {
      const world = yield* make(1)
      const [ann] = world.users
      world.history.note(ann!, "heartbeat", "")
      world.history.note(ann!, "heartbeat", "")
      world.history.note(ann!, "mail", "delivered")
      world.history.note(ann!, "heartbeat", "")
      yield* world.advance(5_000)
      expect((yield* world.stored(0)).map(({ kind, times }) => `${kind} ${times}`)).toEqual([
        "heartbeat 2",
        "mail 1",
        "heartbeat 1"
      ])
    })
  )

  it.scopedLive("is dropped at its time although the clock was ahead once", () =>
    Effect.gen(function* () {
      const world = yield* make(1)
      const [ann] = world.users
      const ahead = START + 10 * 365 * 86_400_000
      const events = pack([{ at: ahead, kind: "mail", detail: "delivered", times: 1 }])
      yield* world.storage.saveHistories([{ user: ann!, lastAt: ahead, events }])
      world.history.note(ann!, "mail", "delivered")
      yield* world.advance(5_000)
      expect((yield* world.stored(0)).map(({ at }) => at)).toEqual([ahead, START])
      expect(yield* world.storage.dropHistories(START + 1)).toBe(1)
    })
  )

  it.scopedLive("of very many users is written page by page", () =>
    Effect.gen(function* () {
      const world = yield* make(600)
      for (const user of world.users) world.history.note(user, "device", "a device has a new push token")
      yield* world.advance(5_000)
      expect(world.faults.calls("saveHistories")).toBe(3)
      const all = yield* world.storage.histories(world.users)
      expect(all).toHaveLength(600)
    })
  )

  it.scopedLive("is written when it closes", () =>
    Effect.gen(function* () {
      const world = yield* make(2)
      world.history.note(world.users[0]!, "device", "device 1 is removed")
      world.history.note(world.users[1]!, "heartbeat", "")
      yield* world.close
      expect(yield* world.stored(0)).toHaveLength(1)
      expect(yield* world.stored(1)).toHaveLength(1)
    })
  )

  it.scopedLive("of a user who is deleted meanwhile goes with him, and holds up nobody", () =>
    Effect.gen(function* () {
      const world = yield* make(2)
      for (const user of world.users) world.history.note(user, "device", "device 1 is removed")
      yield* world.storage.deleteUser(world.users[0]!)
      yield* world.advance(5_000)
      expect(yield* world.stored(0)).toEqual([])
      expect(yield* world.stored(1)).toHaveLength(1)
      expect(world.lines()).toEqual([])
    })
  )
})

describe("while storage is away", () => {
  it.scopedLive("what was noted waits, in order", () =>
    Effect.gen(function* () {
      const world = yield* make(2, faulty)
      const [ann, bob] = world.users
      away = true
      world.history.note(ann!, "heartbeat", "")
      world.history.note(bob!, "error", "exchange-busy")
      yield* world.advance(20_000)
      world.history.note(ann!, "heartbeat", "")
      world.history.note(ann!, "state", "Overdue: silent for too long")
      world.history.note(bob!, "error", "exchange-busy")
      yield* world.advance(20_000)
      away = false
      yield* world.advance(5_000)
      expect(yield* world.stored(0)).toEqual([
        { at: START + 20_000, kind: "heartbeat", detail: "", times: 2, since: START },
        { at: START + 20_000, kind: "state", detail: "Overdue: silent for too long", times: 1 }
      ])
      expect(yield* world.stored(1)).toEqual([
        { at: START + 20_000, kind: "error", detail: "exchange-busy", times: 2, since: START }
      ])
      // The write-behind is who tells it.
      expect(world.lines().filter((line) => !line.startsWith("DEBUG"))).toEqual([])
    })
  )

  it.scopedLive("a bounded number of events waits: the oldest go, and are counted", () =>
    Effect.gen(function* () {
      const world = yield* make(400, faulty)
      const before = yield* dropped
      away = true
      for (let i = 0; i < 50; i++) {
        for (const user of world.users) world.history.note(user, "state", `number ${i}`)
      }
      yield* world.advance(10_000)
      expect((yield* dropped) - before).toBe(5_000)
      away = false
      yield* world.advance(10_000)
      const all = yield* world.storage.histories(world.users)
      const counts = all.map(({ events }) => unpack(events).length)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(15_000)
      expect(Math.max(...counts)).toBeLessThanOrEqual(HISTORY_MAX)
    })
  )

  it.scopedLive("closing waits a moment and no longer, and says what was lost", () =>
    Effect.gen(function* () {
      const world = yield* make(1, () => ({ histories: () => Effect.never }))
      world.history.note(world.users[0]!, "heartbeat", "")
      const closing = yield* Effect.fork(world.close)
      yield* world.advance(1_500)
      expect((yield* closing.await)._tag).toBe("Success")
      expect(world.lines()).toEqual([
        "WARN what happened last to some users could not be written before the end"
      ])
    })
  )
})

it.scopedLive("a write whose answer was lost is not told twice", () =>
  Effect.gen(function* () {
    let lost = true
    const world = yield* make(1, (storage) => ({
      saveHistories: (batch) =>
        Effect.zipRight(
          storage.saveHistories(batch),
          Effect.suspend(() => {
            if (!lost) return Effect.void
            lost = false
            return Effect.fail(gone)
          })
        )
    }))
    world.history.note(world.users[0]!, "heartbeat", "")
    world.history.note(world.users[0]!, "mail", "delivered", 2)
    yield* world.advance(10_000)
    expect((yield* world.stored(0)).map(({ kind, times }) => `${kind} ${times}`)).toEqual([
      "heartbeat 1",
      "mail 2"
    ])
  })
)

it.scopedLive("what storage never takes is given up with an error, and the next is written", () =>
  Effect.gen(function* () {
    let refuses = true
    const world = yield* make(1, (storage) => ({
      saveHistories: (batch) =>
        refuses
          ? Effect.fail(
              new StorageError({ operation: "saveHistories", transient: false, cause: new Error("no") })
            )
          : storage.saveHistories(batch)
    }))
    world.history.note(world.users[0]!, "heartbeat", "")
    yield* world.advance(5_000)
    refuses = false
    world.history.note(world.users[0]!, "mail", "delivered")
    yield* world.advance(5_000)
    expect((yield* world.stored(0)).map(({ kind }) => kind)).toEqual(["mail"])
    expect(world.lines()[0]).toContain("ERROR storage refuses what happened to some users")
  })
)

it.scopedLive("a node that is no longer the active one writes nothing, also when it closes", () =>
  Effect.gen(function* () {
    const world = yield* make(1)
    world.history.note(world.users[0]!, "heartbeat", "")
    world.node.become("standby")
    yield* world.advance(10_000)
    yield* world.close
    expect(yield* world.stored(0)).toEqual([])
  })
)

const gone = new StorageError({ operation: "saveHistories", transient: true, cause: new Error("gone") })
let away = false
const faulty = (storage: Storage["Type"]): Partial<Storage["Type"]> => ({
  saveHistories: (batch) => Effect.suspend(() => (away ? Effect.fail(gone) : storage.saveHistories(batch)))
})
