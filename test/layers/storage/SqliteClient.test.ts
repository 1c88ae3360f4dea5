import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { SqlClient } from "@effect/sql/SqlClient"
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import * as SqliteClient from "../../../layers/storage/SqliteClient.ts"
import * as SqliteWriter from "../../../layers/storage/SqliteWriter.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

/** Runs a body on a new database with one table; `file` for a second opinion. */
const onDatabase = <E>(body: (sql: SqlClient, file: string) => Effect.Effect<void, E>) =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, "test.db")
    const sql = yield* SqliteClient.make(file)
    yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE)`
    yield* body(sql, file)
  })

const texts = (sql: SqlClient) =>
  Effect.map(sql<{ text: string }>`SELECT text FROM notes ORDER BY id`, (rows) => rows.map((row) => row.text))

const add = (sql: SqlClient, text: string) => sql`INSERT INTO notes ${sql.insert({ text })}`

it.scoped("a read sees every write that was answered", () =>
  onDatabase((sql) =>
    Effect.forEach(
      Array.from({ length: 100 }, (_, index) => `note ${index}`),
      (text) =>
        Effect.gen(function* () {
          yield* add(sql, text)
          expect(yield* sql`SELECT text FROM notes WHERE text = ${text}`).toHaveLength(1)
        }),
      { concurrency: 10 }
    )
  )
)

it.scoped("answers rows, arrays, counts and stored bytes", () =>
  onDatabase((sql) =>
    Effect.gen(function* () {
      yield* Effect.forEach(["a", "b", "c"], (text) => add(sql, text))
      expect(yield* sql`SELECT id, text FROM notes ORDER BY id LIMIT 2`.values).toEqual([
        [1, "a"],
        [2, "b"]
      ])
      expect(yield* sql`UPDATE notes SET text = text || '!' RETURNING text`.values).toEqual([
        ["a!"],
        ["b!"],
        ["c!"]
      ])
      expect(yield* sql`DELETE FROM notes WHERE id > 1`.raw).toMatchObject({ changes: 2 })
      const view = Buffer.from("view of Node's pool of buffers").subarray(0, 4)
      const [row] = yield* sql<{ text: Uint8Array }>`UPDATE notes SET text = ${view} RETURNING text`
      expect(row!.text).toEqual(new Uint8Array(Buffer.from("view")))
    })
  )
)

it.scoped("writes that fail leave those beside them alone", () =>
  onDatabase((sql) =>
    Effect.gen(function* () {
      yield* add(sql, "taken")
      const exits = yield* Effect.forEach(
        ["a", "taken", "b", "taken", "c"],
        (text) => Effect.exit(add(sql, text)),
        {
          concurrency: "unbounded"
        }
      )
      expect(exits.map(Exit.isSuccess)).toEqual([true, false, true, false, true])
      expect(yield* texts(sql)).toEqual(["taken", "a", "b", "c"])
    })
  )
)

it.scoped("a transaction that fails takes back its own writes only", () =>
  onDatabase((sql) =>
    Effect.gen(function* () {
      const failing = sql.withTransaction(Effect.zipRight(add(sql, "lost"), Effect.fail("no" as const)))
      const good = sql.withTransaction(Effect.zipRight(add(sql, "kept"), add(sql, "kept too")))
      const exits = yield* Effect.all(
        [add(sql, "one"), failing, good, failing, add(sql, "two")].map(Effect.exit),
        {
          concurrency: "unbounded"
        }
      )
      expect(exits.map(Exit.isSuccess)).toEqual([true, false, true, false, true])
      expect((yield* texts(sql)).sort()).toEqual(["kept", "kept too", "one", "two"])
    })
  )
)

it.scoped("a transaction inside of one can fail alone", () =>
  onDatabase((sql) =>
    Effect.gen(function* () {
      const inner = sql.withTransaction(Effect.zipRight(add(sql, "inner"), Effect.fail("no" as const)))
      yield* sql.withTransaction(Effect.all([add(sql, "outer"), Effect.ignore(inner), add(sql, "outer 2")]))
      expect(yield* texts(sql)).toEqual(["outer", "outer 2"])
    })
  )
)

it.scoped("two hundred transactions that read and write one counter lose no step", () =>
  onDatabase((sql) =>
    Effect.gen(function* () {
      yield* sql`INSERT INTO notes (id, text) VALUES (1, '0')`
      const step = Effect.gen(function* () {
        const [row] = yield* sql<{ text: string }>`SELECT text FROM notes WHERE id = 1`
        yield* sql`UPDATE notes SET text = ${String(Number(row!.text) + 1)} WHERE id = 1`
      })
      yield* Effect.all(
        Array.from({ length: 200 }, () => sql.withTransaction(step)),
        { concurrency: "unbounded" }
      )
      expect(yield* texts(sql)).toEqual(["200"])
    })
  )
)

it.scoped("an interrupted transaction is rolled back and holds up nobody", () =>
  onDatabase((sql) =>
    Effect.gen(function* () {
      const inside = yield* Deferred.make<void>()
      const stuck = yield* Effect.fork(
        sql.withTransaction(
          add(sql, "never").pipe(
            Effect.zipRight(Deferred.succeed(inside, undefined)),
            Effect.zipRight(Effect.never)
          )
        )
      )
      yield* Deferred.await(inside)
      const waiting = yield* Effect.fork(add(sql, "waited"))
      const waitingToo = yield* Effect.fork(sql.withTransaction(add(sql, "waited too")))
      yield* Effect.yieldNow()
      expect(yield* texts(sql)).toEqual([])
      yield* Fiber.interrupt(stuck)
      yield* Fiber.join(waiting)
      yield* Fiber.join(waitingToo)
      expect(yield* texts(sql)).toEqual(["waited", "waited too"])
    })
  )
)

it.scoped("a commit that fails is a failure of the transaction, and the next one works", () =>
  onDatabase((sql) =>
    Effect.gen(function* () {
      yield* sql`CREATE TABLE parts (note INTEGER REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)`
      const error = yield* Effect.flip(sql.withTransaction(sql`INSERT INTO parts VALUES (99)`))
      expect(error._tag).toBe("SqlError")
      yield* sql.withTransaction(add(sql, "works"))
      expect(yield* texts(sql)).toEqual(["works"])
      expect(yield* sql`SELECT * FROM parts`).toEqual([])
    })
  )
)

// If the wait for the lock were on this thread, nobody could give the lock back.
it.scopedLive("waiting for another process's lock does not stop the event loop", () =>
  onDatabase((sql, file) =>
    Effect.gen(function* () {
      const other = new DatabaseSync(file)
      other.exec("BEGIN IMMEDIATE; INSERT INTO notes (text) VALUES ('other')")
      const write = yield* Effect.fork(add(sql, "ours"))
      yield* Effect.sleep(100)
      expect(yield* texts(sql)).toEqual([])
      other.exec("COMMIT")
      other.close()
      yield* Fiber.join(write)
      expect(yield* texts(sql)).toEqual(["other", "ours"])
    })
  )
)

it.scoped("statements that SQLite allows in no transaction can be run unprepared", () =>
  onDatabase((sql) =>
    Effect.gen(function* () {
      const [, alone] = yield* Effect.all([add(sql, "a"), sql`VACUUM`.unprepared], {
        concurrency: "unbounded"
      })
      expect(alone).toEqual([])
      expect(yield* texts(sql)).toEqual(["a"])
    })
  )
)

it.scoped("a transaction has the client of its context, and its rows are read in it", () =>
  onDatabase((sql) =>
    sql
      .withTransaction(
        Effect.gen(function* () {
          const same = yield* SqlClient
          yield* add(same, "mine")
          expect(yield* texts(same)).toEqual(["mine"])
        })
      )
      .pipe(Effect.provideService(SqlClient, sql))
  )
)

it.scoped("a writer thread that died fails what it had in hand and is replaced", () =>
  Effect.gen(function* () {
    const directory = join(yield* temporaryDirectory, "later")
    const write = yield* SqliteWriter.make(join(directory, "test.db"))
    const order = {
      _tag: "Run",
      transaction: 0,
      sql: "SELECT 1 AS one",
      parameters: [],
      mode: "rows"
    } as const
    const errors = yield* Effect.forEach([order, order], (one) => Effect.flip(write(one)), { concurrency: 2 })
    expect(errors.map((error) => (error.cause as SqliteWriter.SqliteFailure).code)).toEqual([14, 14])
    mkdirSync(directory)
    expect(yield* write(order)).toEqual([{ one: 1 }])
    const late = yield* Effect.flip(write({ _tag: "Commit", transaction: 1 }))
    expect(late.cause).toMatchObject({ message: "the transaction is gone" })
  })
)

it.effect("closing does first what was asked, and then refuses", () =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const file = join(directory, "test.db")
    const [write, fibers] = yield* Effect.scoped(
      Effect.gen(function* () {
        const sql = yield* SqliteClient.make(file)
        const write = yield* SqliteWriter.make(file)
        yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)`
        const fibers = yield* Effect.forEach(["a", "b", "c"], (text) => Effect.forkDaemon(add(sql, text)))
        yield* Effect.yieldNow()
        return [write, fibers] as const
      })
    )
    yield* Fiber.joinAll(fibers)
    const reopened = yield* SqliteClient.make(file)
    expect(yield* texts(reopened)).toEqual(["a", "b", "c"])
    const error = yield* Effect.flip(write({ _tag: "Begin", transaction: 1 }))
    expect(error.cause).toMatchObject({ message: "the database is closed" })
  }).pipe(Effect.scoped)
)
