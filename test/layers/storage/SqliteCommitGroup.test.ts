import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterEach, describe, expect, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import { SqliteCommitGroup } from "../../../layers/storage/SqliteCommitGroup.ts"
import type { WriteReply } from "../../../layers/storage/SqliteProtocol.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

/** A clock that only the disk and the test move, and a database whose COMMIT takes as long as told. */
const make = Effect.gen(function* () {
  const file = join(yield* temporaryDirectory, "test.db")
  const database = new DatabaseSync(file)
  yield* Effect.addFinalizer(() => Effect.sync(() => database.close()))
  database.exec("PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)")
  let now = 0
  vi.spyOn(performance, "now").mockImplementation(() => now)
  const disk = { commitTakes: 0, commits: 0 }
  const slow = new Proxy(database, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target)
      if (name === "prepare")
        return (sql: string) => {
          const statement = target.prepare(sql)
          if (sql !== "COMMIT") return statement
          return {
            run: () => {
              now += disk.commitTakes
              disk.commits++
              return statement.run()
            },
            setReturnArrays: () => {}
          }
        }
      return typeof value === "function" ? value.bind(target) : value
    }
  })
  const replies: Array<WriteReply> = []
  const group = new SqliteCommitGroup(slow, (reply) => replies.push(reply), 300)
  let id = 0
  const run = (transaction: number, text: string) =>
    group.take({
      id: ++id,
      _tag: "Run",
      transaction,
      sql: "INSERT INTO notes VALUES (?)",
      parameters: [text],
      mode: "changes"
    })
  /** A transaction of a few statements, each of which takes a way to the service and back. */
  const transaction = (number: number, way: number) => {
    group.take({ id: ++id, _tag: "Begin", transaction: number })
    for (const part of ["a", "b"]) {
      now += way
      run(number, `${number}${part}`)
    }
    now += way
    group.take({ id: ++id, _tag: "Commit", transaction: number })
  }
  return {
    file,
    disk,
    group,
    replies,
    run,
    transaction,
    notes: () => database.prepare("SELECT text FROM notes").all().length
  }
})

afterEach(() => {
  vi.restoreAllMocks()
})

describe("transactions that come one after another", () => {
  it.scoped("share few commits where a commit is slow", () =>
    Effect.gen(function* () {
      const world = yield* make
      world.disk.commitTakes = 50
      for (let number = 1; number <= 100; number++) world.transaction(number, 1)
      world.group.settle()
      expect(world.notes()).toBe(200)
      // Each takes 3 ms: the first commits find out that the disk is slow, later ones wait for 50 ms of work.
      expect(world.disk.commits).toBeLessThan(12)
      expect(world.replies.filter((reply) => "failure" in reply)).toEqual([])
      expect(world.replies).toHaveLength(400)
    })
  )

  it.scoped("do not wait for each other where it is fast", () =>
    Effect.gen(function* () {
      const world = yield* make
      for (let number = 1; number <= 100; number++) world.transaction(number, 1)
      world.group.settle()
      expect(world.disk.commits).toBeGreaterThanOrEqual(33)
    })
  )

  it.scoped("are held up for a quarter of a second at most, however slow the disk", () =>
    Effect.gen(function* () {
      const world = yield* make
      world.disk.commitTakes = 10_000
      world.transaction(1, 1)
      world.group.settle()
      for (let number = 2; number <= 101; number++) world.transaction(number, 1)
      expect(world.disk.commits).toBe(2)
    })
  )
})

describe("another process's lock", () => {
  it.scoped("is waited for once; what else is asked meanwhile fails at once, until the lock is gone", () =>
    Effect.gen(function* () {
      const world = yield* make
      vi.restoreAllMocks()
      const other = new DatabaseSync(world.file)
      other.exec("BEGIN EXCLUSIVE")
      const began = performance.now()
      world.run(0, "first")
      const first = performance.now() - began
      for (let count = 0; count < 50; count++) world.run(0, "another")
      // No bound on time, but a comparison: fifty together take less than the one that waited.
      expect(performance.now() - began - first).toBeLessThan(first)
      expect(world.replies).toHaveLength(51)
      for (const reply of world.replies) expect(reply).toMatchObject({ failure: { code: 5 } })
      other.exec("COMMIT")
      other.close()
      world.run(0, "after")
      world.group.settle()
      expect(world.replies.at(-1)).toMatchObject({ answer: { changes: 1 } })
      expect(world.notes()).toBe(1)
    })
  )
})
