import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as MssqlClient from "../../../../layers/storage/mssql/MssqlClient.ts"
import * as MssqlPool from "../../../../layers/storage/mssql/MssqlPool.ts"
import { isTransient } from "../../../../layers/storage/mssql/MssqlTrouble.ts"
import * as Tds from "../../../support/TdsServer.ts"
import { eventually, failsWithin, failureOf, inWorld, isHealthy } from "./Fixture.ts"

describe("the connections over TDS", () => {
  it.scopedLive(
    "are made when they are needed, and never more than allowed",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        yield* sql`UPDATE t SET n = 1`
        expect(server.connections.length).toBe(1)
        server.when(/UPDATE/, { after: 5, reply: { count: 1 } })
        const many = Array.from({ length: 50 }, (_, n) => sql.withTransaction(sql`UPDATE t SET n = ${n}`))
        yield* Effect.all(many, { concurrency: "unbounded" })
        expect(server.connections.length).toBe(3)
        expect(server.texts().filter((text) => text === "COMMIT TRAN").length).toBe(50)
      })
    )
  )

  it.scopedLive(
    "serve callers in the order they came",
    inWorld(
      ({ server, sql }) =>
        Effect.gen(function* () {
          server.when(/UPDATE/, { after: 3, reply: { count: 1 } })
          const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
          for (let n = 0; n < 10; n++) {
            fibers.push(yield* Effect.fork(sql`UPDATE t SET n = ${n}`))
            yield* Effect.sleep("1 millis")
          }
          yield* Fiber.joinAll(fibers)
          expect(server.statements.map(({ values }) => Number(values["1"]))).toEqual([
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9
          ])
        }),
      { poolSize: 1 }
    )
  )

  it.scopedLive(
    "fail who cannot get one in time, and lose none by that",
    inWorld(
      ({ server, sql }) =>
        Effect.gen(function* () {
          server.when(/SLOW/, { after: 500, reply: { count: 1 } })
          const slow = yield* Effect.fork(
            Effect.all([sql`UPDATE t SET n = 'SLOW'`, sql`UPDATE t SET n = 'SLOW'`], { concurrency: 2 })
          )
          yield* eventually(() => server.statements.length === 2)
          const failure = yield* failureOf(sql`UPDATE t SET n = 1`)
          expect(failure).toMatchObject({ code: "EBUSY", sent: false })
          expect(isTransient(failure)).toBe(true)
          yield* Effect.timeoutOption(sql`UPDATE t SET n = 1`, "20 millis")
          yield* Fiber.join(slow)
          server.statements.length = 0
          expect(yield* isHealthy(server, sql, 2)).toBe(true)
          expect(server.connections.length).toBe(2)
        }),
      { poolSize: 2, connectTimeout: 100 }
    )
  )

  it.scopedLive(
    "come back by themselves after the server was gone",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        yield* isHealthy(server, sql)
        yield* server.stop
        const failures = yield* Effect.all(
          Array.from({ length: 20 }, () => failureOf(sql`UPDATE t SET n = 1`)),
          { concurrency: "unbounded" }
        )
        expect(failures.every(isTransient)).toBe(true)
        yield* server.start
        server.statements.length = 0
        yield* Effect.all(
          Array.from({ length: 20 }, () => sql.withTransaction(sql`UPDATE t SET n = 1`)),
          { concurrency: "unbounded" }
        )
        expect(server.texts().filter((text) => text === "COMMIT TRAN").length).toBe(20)
        expect(server.openConnections()).toBe(3)
      })
    )
  )

  it.scopedLive(
    "serve all who wait when the server comes back within their tries",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        yield* isHealthy(server, sql)
        yield* server.stop
        const waiting = yield* Effect.fork(
          Effect.all(
            Array.from({ length: 20 }, () => sql.withTransaction(sql`UPDATE t SET n = 1`)),
            { concurrency: "unbounded" }
          )
        )
        yield* Effect.sleep("5 millis")
        yield* server.start
        yield* Fiber.join(waiting)
      })
    )
  )

  it.scopedLive(
    "are all renewed when the database is not on that server any more",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        yield* isHealthy(server, sql)
        const before = server.connections.length
        for (const error of [976, 983, 40613]) {
          server.when(/SELECT/, { error, class: 14 }, { rows: { columns: ["n"], rows: [[1]] } })
          expect(yield* sql`SELECT n FROM t`).toEqual([{ n: 1 }])
        }
        yield* eventually(() => server.connections.slice(0, before).every(({ open }) => !open))
        expect(yield* isHealthy(server, sql)).toBe(true)
      })
    )
  )

  it.scopedLive("hold nobody longer than the two limits when the server falls silent", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      const sql = yield* MssqlClient.make(server.config({ connectTimeout: 300, requestTimeout: 300 }))
      yield* isHealthy(server, sql)
      server.login = "silent"
      const failures = yield* Effect.all(
        Array.from({ length: 12 }, (_, n) =>
          failsWithin(8, n % 2 === 0 ? sql`UPDATE t SET n = 1` : sql.withTransaction(sql`UPDATE t SET n = 1`))
        ),
        { concurrency: "unbounded" }
      )
      for (const failure of failures) expect(isTransient((failure as { cause: unknown }).cause)).toBe(true)
      server.login = "accept"
      expect(yield* isHealthy(server, sql)).toBe(true)
    })
  )

  it.scoped("are looked at after 30 s, and closed after 5 min without use", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      const pool = yield* MssqlPool.make(server.config())
      const use = Effect.scoped(Effect.flatMap(pool.acquire, (connection) => connection.run("UPDATE t", [])))
      yield* use
      yield* TestClock.adjust(MssqlPool.TRUSTED_FOR)
      yield* use
      expect(server.texts()).toEqual(["UPDATE t", "SELECT 1", "UPDATE t"])
      yield* TestClock.adjust(MssqlPool.IDLE_AT_MOST + 60_000)
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
      expect(pool.size()).toBe(0)
      expect(server.openConnections()).toBe(0)
    })
  )

  it.scoped("are not used any more at the age of 45 min", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      const pool = yield* MssqlPool.make(server.config())
      const use = Effect.scoped(Effect.flatMap(pool.acquire, (connection) => connection.run("UPDATE t", [])))
      for (let minutes = 0; minutes <= 48; minutes += 4) {
        yield* use
        yield* TestClock.adjust("4 minutes")
      }
      expect(server.connections.length).toBe(2)
    })
  )

  it.scopedLive("are closed with their scope, also those that a statement holds", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      server.when(/SLOW/, "never")
      const slow = yield* Effect.scoped(
        Effect.gen(function* () {
          const sql = yield* MssqlClient.make(server.config({ requestTimeout: 20_000 }))
          const fiber = yield* Effect.forkDaemon(failureOf(sql`UPDATE t SET n = 'SLOW'`))
          yield* eventually(() => server.texts().at(-1)?.includes("SLOW") === true)
          return fiber
        })
      )
      expect(isTransient(yield* Fiber.join(slow))).toBe(true)
      yield* eventually(() => server.openConnections() === 0)
    })
  )

  it.scopedLive("are closed with their scope where nothing can be interrupted", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      const work = Effect.flatMap(MssqlClient.make(server.config()), (sql) => sql`UPDATE t SET n = 1`)
      yield* Effect.scoped(work).pipe(Effect.uninterruptible, Effect.disconnect, Effect.timeout("10 seconds"))
      yield* eventually(() => server.openConnections() === 0)
    })
  )
})
