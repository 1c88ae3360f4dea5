import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Worker } from "node:worker_threads"
import { SqlClient } from "@effect/sql/SqlClient"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, type Scope } from "effect"
import { migrate } from "../../../layers/storage/Migrations.ts"
import * as SqliteClient from "../../../layers/storage/SqliteClient.ts"
import * as SqliteReader from "../../../layers/storage/SqliteReader.ts"
import * as SqlStorage from "../../../layers/storage/SqlStorage.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import type { UserNumber } from "../../../schemas/Ids.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { addSubscriber, addTenant, generation, hotState, mail, newDevice } from "./Samples.ts"

interface World {
  readonly file: string
  readonly storage: Storage["Type"]
  readonly sql: SqlClient
  /** The thread that writes, the last one that was started. */
  readonly writer: () => Worker
  readonly users: ReadonlyArray<UserNumber>
}

/** The whole SQLite storage, with some subscribers, and hands on what it stands on. */
const inWorld =
  <E>(body: (world: World) => Effect.Effect<void, E, Scope.Scope>) =>
  () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryDirectory, "ens.db")
      const workers: Array<Worker> = []
      const note = (message: unknown) => void workers.push((message as { worker: Worker }).worker)
      yield* Effect.acquireRelease(
        Effect.sync(() => subscribe("worker_threads", note)),
        () => Effect.sync(() => unsubscribe("worker_threads", note))
      )
      const built = yield* Layer.build(
        SqlStorage.layer(file).pipe(
          Layer.provide(Layer.effectDiscard(migrate())),
          Layer.provideMerge(SqliteClient.layer(file))
        )
      )
      const storage = Context.get(built, Storage)
      const users = yield* Effect.provide(
        Effect.flatMap(addTenant("t"), (tenant) =>
          Effect.forEach(["anna", "bert", "cleo"], (name) => addSubscriber(tenant, name))
        ),
        built
      )
      yield* body({ file, storage, sql: Context.get(built, SqlClient), writer: () => workers.at(-1)!, users })
    })

const save = (storage: Storage["Type"], users: ReadonlyArray<UserNumber>, unread: number) =>
  storage.saveHot(users.map((user) => ({ user, generation: generation(1), hot: hotState({ unread }) })))

const unreadOf = (storage: Storage["Type"], user: UserNumber) =>
  Effect.map(Effect.flatten(storage.subscription(user)), ({ hot }) => hot.unread)

describe("a database that another process has locked", () => {
  it.scopedLive(
    "is read all the time; what is written waits some seconds, the rest is refused at once until the lock is gone",
    inWorld(({ file, storage, users }) =>
      Effect.gen(function* () {
        const other = new DatabaseSync(file)
        other.exec("BEGIN EXCLUSIVE")
        const first = yield* Effect.fork(Effect.flip(save(storage, users, 1)))
        const others = yield* Effect.forkAll(
          Array.from({ length: 100 }, () => Effect.flip(storage.saveDevice(users[0]!, newDevice("phone"))))
        )
        let reads = 0
        const reading = yield* Effect.fork(
          Effect.forever(
            Effect.zipRight(
              Effect.all([storage.dossier(users[0]!), storage.outboxSize]),
              Effect.delay(
                Effect.sync(() => reads++),
                10
              )
            )
          )
        )
        const failure = yield* Fiber.join(first)
        expect(failure).toMatchObject({ _tag: "StorageError", operation: "saveHot", transient: true })
        const failures = yield* Fiber.join(others)
        expect(failures.map(({ transient }) => transient)).toEqual(Array(100).fill(true))
        expect(yield* Effect.flip(storage.ping)).toMatchObject({ transient: true })
        // The event loop went on, and so did readers.
        expect(reads).toBeGreaterThan(10)
        yield* Fiber.interrupt(reading)
        other.exec("COMMIT")
        other.close()
        yield* storage.ping
        yield* save(storage, users, 2)
        expect(yield* unreadOf(storage, users[2]!)).toBe(2)
        expect(yield* storage.devices(users[0]!)).toHaveLength(1)
      })
    ),
    30_000
  )
})

describe("a reader that finds the file locked", () => {
  it.scopedLive("waits for it without stopping the event loop", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryDirectory, "test.db")
      // Not in WAL mode, where nobody could lock out a reader on purpose.
      const other = new DatabaseSync(file)
      other.exec("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('a')")
      const read = yield* SqliteReader.make(file)
      other.exec("BEGIN EXCLUSIVE")
      const reading = yield* Effect.fork(read("SELECT text FROM notes", [], "rows"))
      yield* Effect.sleep(100)
      expect(reading.unsafePoll()).toBeNull()
      other.exec("COMMIT")
      expect(yield* Fiber.join(reading)).toEqual([{ text: "a" }])
      other.exec("BEGIN EXCLUSIVE")
      expect((yield* Effect.flip(read("SELECT text FROM notes", [], "rows"))).cause).toMatchObject({
        errcode: 5
      })
      other.close()
    })
  )
})

describe("a writer thread that is killed in the middle", () => {
  it.scopedLive(
    "loses nothing that was answered, and the next one goes on",
    inWorld(({ storage, users, writer }) =>
      Effect.gen(function* () {
        const [anna] = users
        for (let round = 0; round < 4; round++) {
          const writing = yield* Effect.forEach(
            Array.from({ length: 300 }, (_, index) => `${round}-${index}`),
            (item) => Effect.fork(Effect.exit(storage.addOutbox([mail(anna!, item)]))),
            { concurrency: "unbounded" }
          )
          yield* Fiber.await(writing[round * 60]!)
          yield* Effect.promise(() => writer().terminate())
          const exits = yield* Effect.forEach(writing, Fiber.join)
          const kept = new Set((yield* storage.outboxOf(anna!, 10_000)).map(({ itemId }) => itemId as string))
          for (const [index, exit] of exits.entries()) {
            if (Exit.isSuccess(exit)) expect(kept).toContain(`${round}-${index}`)
            else expect(yield* Effect.flip(exit)).toMatchObject({ _tag: "StorageError", transient: true })
          }
        }
        yield* storage.ping
        yield* save(storage, users, 7)
        expect(yield* unreadOf(storage, anna!)).toBe(7)
      })
    ),
    30_000
  )

  it.scopedLive(
    "ends the transaction that was open, and nothing of it is there",
    inWorld(({ sql, storage, users, writer }) =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(
          sql.withTransaction(
            Effect.gen(function* () {
              yield* sql`DELETE FROM devices`
              yield* Effect.promise(() => writer().terminate())
              yield* sql`DELETE FROM subscriptions`
            })
          )
        )
        expect(Exit.isFailure(exit)).toBe(true)
        for (const user of users) {
          expect(yield* storage.devices(user)).toHaveLength(1)
          yield* Effect.flatten(storage.subscription(user))
        }
      })
    )
  )
})

describe("a full disk", () => {
  it.scopedLive(
    "refuses what does not fit, keeps what was answered, and is over when there is room again",
    inWorld(({ sql, storage, users }) =>
      Effect.gen(function* () {
        const [anna] = users
        const [{ page_count } = { page_count: 0 }] = yield* sql<{
          page_count: number
        }>`SELECT page_count FROM pragma_page_count`
        const limit = (count: number) => sql.unsafe(`PRAGMA max_page_count = ${count}`).unprepared
        yield* limit(page_count + 20)
        const exits = yield* Effect.forEach(
          Array.from({ length: 2_000 }, (_, index) => `mail ${index} ${"x".repeat(200)}`),
          (item) => Effect.exit(storage.addOutbox([mail(anna!, item)])),
          { concurrency: 50 }
        )
        const kept = (yield* storage.outboxOf(anna!, 10_000)).map(({ itemId }) => itemId as string)
        const answered = exits.filter(Exit.isSuccess).length
        expect(kept).toHaveLength(answered)
        expect(answered).toBeGreaterThan(20)
        expect(answered).toBeLessThan(2_000)
        for (const exit of exits)
          if (Exit.isFailure(exit))
            expect(yield* Effect.flip(exit)).toMatchObject({ operation: "addOutbox", transient: true })
        // What needs no room goes on, and so does reading.
        yield* save(storage, users, 3)
        expect(yield* unreadOf(storage, anna!)).toBe(3)
        yield* limit(1_000_000)
        yield* storage.addOutbox([mail(anna!, "afterwards")])
        expect(yield* storage.outboxOf(anna!, 10_000)).toHaveLength(answered + 1)
      })
    ),
    30_000
  )
})
