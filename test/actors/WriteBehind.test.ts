import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { fromStored, type State } from "../../actors/SubscriptionState.ts"
import * as WriteBehindModule from "../../actors/WriteBehind.ts"
import { WriteBehind } from "../../actors/WriteBehind.ts"
import * as Ownership from "../../layers/ownership/Ownership.ts"
import * as MemoryStorage from "../../layers/storage/MemoryStorage.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import type { UserNumber, Watermark } from "../../schemas/Ids.ts"
import { StorageError } from "../../schemas/StorageError.ts"
import { addSubscriber, addTenant, generation, subscriptionId } from "../layers/storage/Samples.ts"
import { layerFaulty, StorageFaults } from "../support/FaultyStorage.ts"
import * as LogRecorder from "../support/LogRecorder.ts"
import { StepClock } from "../support/StepClock.ts"

const START = 1_760_000_000_000

/** A write-behind on a storage in memory with some subscribers. */
const make = (
  names: ReadonlyArray<string>,
  change: (storage: Storage["Type"]) => Partial<Storage["Type"]> = () => ({})
) =>
  Effect.gen(function* () {
    const clock = new StepClock(START)
    const below = yield* Layer.build(layerFaulty(MemoryStorage.layer))
    const storage = Context.get(below, Storage)
    const faults = Context.get(below, StorageFaults)
    const tenant = yield* Effect.provideService(addTenant("t"), Storage, storage)
    const users = yield* Effect.forEach(names, (name) =>
      Effect.provideService(addSubscriber(tenant, name), Storage, storage)
    )
    const stored = (index: number) => Effect.flatten(storage.subscription(users[index]!))
    const states = yield* Effect.forEach(users, (_, index) =>
      Effect.map(stored(index), (row) => fromStored(row, START))
    )
    const lines: Array<LogRecorder.LogLine> = []
    const scope = yield* Scope.make()
    const built = yield* Layer.buildWithScope(
      WriteBehindModule.layer.pipe(
        Layer.provide(Ownership.layerAll),
        Layer.provide(Layer.succeed(Storage, { ...storage, ...change(storage) })),
        Layer.provideMerge(LogRecorder.layer(lines))
      ),
      scope
    ).pipe(Effect.withClock(clock))
    const close = Effect.withClock(Scope.close(scope, Exit.void), clock)
    yield* Effect.addFinalizer(() => close)
    return {
      writeBehind: Context.get(built, WriteBehind),
      advance: (ms: number, step?: number) => clock.advance(ms, step),
      onClock: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.withClock(effect, clock),
      close,
      storage,
      faults,
      users,
      states,
      stored,
      /** Level and message, without what is annotated. */
      lines: () => lines.map(({ level, text }) => `${level} ${text.split(" {")[0]}`)
    }
  })

const unread = (state: State, count: number): State => ({ ...state, unread: count })

describe("what is noted", () => {
  it.scopedLive("is written within about a second after a mail, and within ten after a heartbeat", () =>
    Effect.gen(function* () {
      const world = yield* make(["mail", "heartbeat"])
      world.writeBehind.note(unread(world.states[0]!, 5), "w5" as Watermark, true)
      world.writeBehind.note({ ...world.states[1]!, lastHeard: START + 7 }, undefined, false)
      yield* world.advance(1_000)
      expect(yield* world.stored(0)).toMatchObject({ hot: { unread: 5, watermark: "w5" } })
      expect(world.writeBehind.waiting()).toBe(1)
      yield* world.advance(10_000)
      expect(yield* world.stored(1)).toMatchObject({ hot: { lastHeard: START + 7 } })
      expect(world.writeBehind.waiting()).toBe(0)
    })
  )

  it.scopedLive("a hundred times in a second is one write", () =>
    Effect.gen(function* () {
      const world = yield* make(["a", "b"])
      for (let count = 1; count <= 100; count++)
        for (const state of world.states) world.writeBehind.note(unread(state, count), undefined, true)
      yield* world.advance(1_000)
      expect(world.faults.calls("saveHot")).toBe(1)
      for (const index of [0, 1]) expect(yield* world.stored(index)).toMatchObject({ hot: { unread: 100 } })
    })
  )

  it.scopedLive("while it is being written is written again, and the newest is what stays", () =>
    Effect.gen(function* () {
      const world = yield* make(["a"])
      world.faults.delay(3_000)
      world.writeBehind.note(unread(world.states[0]!, 1), undefined, true)
      yield* world.advance(2_000)
      world.writeBehind.note(unread(world.states[0]!, 2), undefined, true)
      world.writeBehind.noteLink({ ...world.states[0]!, unread: 2, link: "Overdue" })
      yield* world.advance(10_000)
      world.faults.delay(0)
      expect(yield* world.stored(0)).toMatchObject({ link: "Overdue", hot: { unread: 2 } })
      expect(world.writeBehind.waiting()).toBe(0)
    })
  )

  it.scopedLive("of a former subscription does not touch the one that was stored meanwhile", () =>
    Effect.gen(function* () {
      const world = yield* make(["a"])
      world.writeBehind.note(unread(world.states[0]!, 9), "old" as Watermark, true)
      world.writeBehind.noteLink({ ...world.states[0]!, link: "CredentialsRejected" })
      yield* world.storage.adopt(world.users[0]!, generation(2), subscriptionId("new"))
      const before = yield* world.stored(0)
      yield* world.advance(2_000)
      expect(world.writeBehind.waiting()).toBe(0)
      expect(yield* world.stored(0)).toEqual(before)
    })
  )

  it.scopedLive("of a user who is gone is not written", () =>
    Effect.gen(function* () {
      const world = yield* make(["a"])
      world.writeBehind.note(unread(world.states[0]!, 9), undefined, true)
      world.writeBehind.forget(world.users[0]!)
      yield* world.advance(20_000)
      expect(world.faults.calls("saveHot")).toBe(0)
    })
  )
})

describe("while storage is down", () => {
  it.scopedLive("everything is kept, storage is asked once a second, and the log has two lines", () =>
    Effect.gen(function* () {
      const world = yield* make(["a", "b", "c"])
      world.faults.down(true)
      for (let minute = 0; minute < 10; minute++) {
        for (const [index, state] of world.states.entries())
          world.writeBehind.note(unread(state, minute * 10 + index), undefined, index === 0)
        yield* world.advance(60_000)
        expect(world.writeBehind.waiting()).toBe(3)
      }
      expect(world.faults.calls("saveHot")).toBeLessThanOrEqual(600)
      expect(world.lines()).toEqual(["WARN storage is behind; it will be tried again"])
      world.faults.down(false)
      yield* world.advance(11_000)
      expect(world.writeBehind.waiting()).toBe(0)
      for (const index of [0, 1, 2])
        expect(yield* world.stored(index)).toMatchObject({ hot: { unread: 90 + index } })
      expect(world.lines()).toEqual([
        "WARN storage is behind; it will be tried again",
        "INFO storage takes the state of subscriptions again"
      ])
    })
  )

  it.scopedLive("an actor that starts anew does not wait for it", () =>
    Effect.gen(function* () {
      const world = yield* make(["a"])
      const { flushUser, note } = world.writeBehind
      expect(yield* flushUser(world.users[0]!, "5 seconds")).toBe(true)
      world.faults.down(true)
      note(unread(world.states[0]!, 1), undefined, false)
      expect(yield* world.onClock(flushUser(world.users[0]!, "5 seconds"))).toBe(false)
      const calls = world.faults.calls("saveHot")
      expect(yield* world.onClock(flushUser(world.users[0]!, "5 seconds"))).toBe(false)
      expect(world.faults.calls("saveHot")).toBe(calls)
      world.faults.down(false)
      yield* world.advance(2_000)
      note(unread(world.states[0]!, 2), undefined, false)
      expect(yield* world.onClock(flushUser(world.users[0]!, "5 seconds"))).toBe(true)
      expect(yield* world.stored(0)).toMatchObject({ hot: { unread: 2 } })
    })
  )
})

describe("a storage that hangs", () => {
  it.scopedLive("holds up nobody longer than asked, not even the end", () =>
    Effect.gen(function* () {
      const world = yield* make(["a", "b"], () => ({ saveHot: () => Effect.never }))
      for (const state of world.states) world.writeBehind.note(unread(state, 1), undefined, true)
      const flushing = yield* Effect.fork(world.onClock(world.writeBehind.flush("3 seconds")))
      yield* world.advance(3_000)
      expect(yield* Fiber.join(flushing)).toBe(2)
      const closing = yield* Effect.fork(world.close)
      yield* world.advance(5_000)
      yield* Fiber.join(closing)
      expect(world.lines().at(-1)).toBe(
        "WARN the latest state of some users could not be written before the end"
      )
    })
  )

  it.scopedLive("is called behind after half a minute, and what was in hand is not lost", () =>
    Effect.gen(function* () {
      let hangs = true
      const world = yield* make(["a"], (storage) => ({
        saveHot: (batch) => (hangs ? Effect.never : storage.saveHot(batch))
      }))
      world.writeBehind.note(unread(world.states[0]!, 1), undefined, true)
      yield* world.advance(35_000)
      expect(world.lines()).toEqual(["WARN storage is behind; it will be tried again"])
      hangs = false
      yield* world.advance(35_000)
      expect(yield* world.stored(0)).toMatchObject({ hot: { unread: 1 } })
    })
  )
})

describe("the end", () => {
  it.scopedLive("writes what is left", () =>
    Effect.gen(function* () {
      const world = yield* make(["a"])
      world.writeBehind.note(unread(world.states[0]!, 3), undefined, false)
      yield* world.close
      expect(yield* world.stored(0)).toMatchObject({ hot: { unread: 3 } })
    })
  )
})

describe("one user whose state storage refuses", () => {
  const refusing = (poison: () => UserNumber | undefined) => (storage: Storage["Type"]) => ({
    saveHot: (batch: Parameters<Storage["Type"]["saveHot"]>[0]) =>
      batch.some(({ user }) => user === poison())
        ? Effect.fail(new StorageError({ operation: "saveHot", transient: false, cause: new Error("no") }))
        : storage.saveHot(batch)
  })

  it.scopedLive("is given up, and the others are written", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 20 }, (_, index) => `user ${index}`)
      let poison: UserNumber | undefined
      const world = yield* make(
        names,
        refusing(() => poison)
      )
      poison = world.users[13]!
      for (const state of world.states) world.writeBehind.note(unread(state, 4), undefined, true)
      yield* world.advance(1_000)
      expect(world.writeBehind.waiting()).toBe(0)
      const rows = yield* Effect.forEach(names, (_, index) => world.stored(index))
      expect(rows.filter(({ hot }) => hot.unread === 4)).toHaveLength(19)
      expect(world.lines()).toEqual(["ERROR storage refuses the state of some users, which is given up"])
    })
  )

  it.scopedLive("is written all the same if it has become another one meanwhile", () =>
    Effect.gen(function* () {
      let poison: UserNumber | undefined
      let meanwhile = () => {}
      const world = yield* make(["a", "b"], (storage) => ({
        saveHot: (batch) =>
          Effect.suspend(() => {
            if (!batch.some(({ hot, user }) => user === poison && hot.unread === 4))
              return storage.saveHot(batch)
            meanwhile()
            return new StorageError({ operation: "saveHot", transient: false, cause: new Error("no") })
          })
      }))
      const [a, b] = world.states
      poison = a!.user
      meanwhile = () => world.writeBehind.note(unread(a!, 5), undefined, true)
      for (const state of [a!, b!]) world.writeBehind.note(unread(state, 4), undefined, true)
      yield* world.advance(3_000)
      expect(yield* world.stored(0)).toMatchObject({ hot: { unread: 5 } })
      expect(yield* world.stored(1)).toMatchObject({ hot: { unread: 4 } })
      expect(world.writeBehind.waiting()).toBe(0)
    })
  )

  it.scopedLive("is kept as long as storage takes nobody else either", () =>
    Effect.gen(function* () {
      let poison: UserNumber | undefined
      const world = yield* make(
        ["a"],
        refusing(() => poison)
      )
      poison = world.users[0]!
      world.writeBehind.note(unread(world.states[0]!, 4), undefined, true)
      yield* world.advance(60_000)
      expect(world.writeBehind.waiting()).toBe(1)
      poison = undefined
      yield* world.advance(11_000)
      expect(yield* world.stored(0)).toMatchObject({ hot: { unread: 4 } })
    })
  )
})

describe("a hundred thousand users who wait", () => {
  /** How much storage was asked to write when, each time with a commit that takes so long. */
  const backlog = (commit: number) =>
    Effect.gen(function* () {
      const rows: Array<{ readonly at: number; readonly users: number }> = []
      let at = 0
      const world = yield* make(["a"], () => ({
        saveHot: (batch) =>
          Effect.delay(
            Effect.sync(() => void rows.push({ at, users: batch.length })),
            commit
          )
      }))
      const USERS = 100_000
      for (let index = 0; index < USERS; index++)
        world.writeBehind.note(
          { ...world.states[0]!, user: String(index + 1) as UserNumber },
          undefined,
          index % 3 === 0
        )
      const perSecond: Array<number> = []
      while (world.writeBehind.waiting() > 0 && at < 60_000) {
        const before = rows.reduce((sum, { users }) => sum + users, 0)
        yield* world.advance(1_000, 20)
        at += 1_000
        perSecond.push(rows.reduce((sum, { users }) => sum + users, 0) - before)
      }
      expect(world.writeBehind.waiting()).toBe(0)
      return { perSecond, largest: Math.max(...rows.map(({ users }) => users)) }
    })

  it.scopedLive("are written at a bounded rate, in small statements", () =>
    Effect.gen(function* () {
      const { largest, perSecond } = yield* backlog(0)
      expect(perSecond.length).toBeLessThan(30)
      expect(Math.max(...perSecond)).toBeLessThanOrEqual(26_000)
      expect(largest).toBe(500)
    })
  )

  it.scopedLive("are written in a minute when every commit takes half a second", () =>
    Effect.gen(function* () {
      const { perSecond } = yield* backlog(500)
      expect(perSecond.length).toBeLessThan(60)
    })
  )
})
