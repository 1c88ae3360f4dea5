import { SqlError } from "@effect/sql/SqlError"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { Fenced, single } from "../../../../layers/storage/mssql/MssqlClient.ts"
import { isTransient } from "../../../../layers/storage/mssql/MssqlTrouble.ts"
import { eventually, failsWithin, failureOf, inWorld, isHealthy } from "./Fixture.ts"

const frame = /^(BEGIN|COMMIT|ROLLBACK|SAVE|IF @@TRANCOUNT)/

describe("a transaction over TDS", () => {
  it.scopedLive(
    "has one connection, and its statements come one after another",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/UPDATE/, { after: 5, reply: { count: 1 } })
        const many = Array.from({ length: 8 }, (_, n) => sql`UPDATE t SET n = ${n}`)
        yield* sql.withTransaction(Effect.all(many, { concurrency: "unbounded" }))
        expect(server.texts()[0]).toBe("BEGIN TRAN")
        expect(server.texts().at(-1)).toBe("COMMIT TRAN")
        expect(server.statements.length).toBe(10)
        expect(server.statements.slice(1).every(({ inTransaction }) => inTransaction)).toBe(true)
        expect(server.openTransactions()).toBe(0)
      })
    )
  )

  it.scopedLive(
    "that fails by itself is rolled back and tells why",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        const why = yield* Effect.flip(
          sql.withTransaction(Effect.zipRight(sql`UPDATE t SET n = 1`, Effect.fail("no")))
        )
        expect(why).toBe("no")
        expect(server.texts()).toEqual([
          "BEGIN TRAN",
          "UPDATE t SET n = 1",
          "IF @@TRANCOUNT > 0 ROLLBACK TRAN"
        ])
      })
    )
  )

  it.scopedLive(
    "ends though the server does not tell the driver of it",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.tells = false
        server.when(/SLOW/, "never")
        yield* sql.withTransaction(sql`UPDATE t SET n = 1`)
        yield* Effect.flip(sql.withTransaction(Effect.zipRight(sql`UPDATE t SET n = 1`, Effect.fail("no"))))
        expect(server.openTransactions()).toBe(0)
        const fiber = yield* Effect.fork(
          sql.withTransaction(Effect.zipRight(sql`UPDATE t SET n = 1`, Effect.never))
        )
        yield* eventually(
          () => server.openTransactions() === 1 && server.texts().at(-1)?.startsWith("UPDATE") === true
        )
        yield* Fiber.interrupt(fiber)
        yield* eventually(() => server.openTransactions() === 0)
        yield* Effect.timeoutOption(sql.withTransaction(sql`UPDATE t SET n = 'SLOW'`), "50 millis")
        server.attention = "kept"
        yield* Effect.timeoutOption(sql.fencedBy(() => 0)`UPDATE t SET n = 'SLOW'`, "50 millis")
        yield* eventually(() => server.openTransactions() === 0)
        expect(yield* isHealthy(server, sql)).toBe(true)
      })
    )
  )

  it.scopedLive(
    "inside of another one is a savepoint of it",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        const inner = sql.withTransaction(Effect.zipRight(sql`UPDATE t SET n = 2`, Effect.fail("no")))
        yield* sql.withTransaction(
          Effect.all([
            sql`UPDATE t SET n = 1`,
            Effect.ignore(inner),
            sql.withTransaction(sql`UPDATE t SET n = 3`)
          ])
        )
        expect(server.texts()).toEqual([
          "BEGIN TRAN",
          "UPDATE t SET n = 1",
          "SAVE TRAN ens_1",
          "UPDATE t SET n = 2",
          "ROLLBACK TRAN ens_1",
          "SAVE TRAN ens_2",
          "UPDATE t SET n = 3",
          "COMMIT TRAN"
        ])
      })
    )
  )

  it.scopedLive(
    "that is interrupted in a statement is rolled back, and its caller goes on at once",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/SLOW/, "never")
        for (const attention of ["quiet", "told", "ignored"] as const) {
          server.attention = attention
          const slow = sql.withTransaction(
            Effect.zipRight(sql`UPDATE t SET n = 1`, sql`UPDATE t SET n = 'SLOW'`)
          )
          expect(Option.isNone(yield* Effect.timeoutOption(slow, "50 millis"))).toBe(true)
          yield* eventually(() => server.openTransactions() === 0)
          expect(yield* isHealthy(server, sql)).toBe(true)
        }
        expect(server.texts()).not.toContain("COMMIT TRAN")
      })
    )
  )

  it.scopedLive(
    "that is interrupted between statements is rolled back",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(
          sql.withTransaction(Effect.zipRight(sql`UPDATE t SET n = 1`, Effect.never))
        )
        yield* eventually(() => server.statements.length === 2)
        yield* Fiber.interrupt(fiber)
        yield* eventually(() => server.openTransactions() === 0)
        expect(server.texts().at(-1)).toBe("IF @@TRANCOUNT > 0 ROLLBACK TRAN")
      })
    )
  )

  it.scopedLive(
    "that is interrupted while it commits is committed",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/^COMMIT/, { after: 60, reply: { count: 0 } })
        const fiber = yield* Effect.fork(sql.withTransaction(sql`UPDATE t SET n = 1`))
        yield* eventually(() => server.texts().includes("COMMIT TRAN"))
        yield* Fiber.interrupt(fiber)
        yield* eventually(() => server.openTransactions() === 0)
        expect(server.connections.every(({ attentions }) => attentions === 0)).toBe(true)
        expect(server.texts().at(-1)).toBe("COMMIT TRAN")
      })
    )
  )

  it.scopedLive(
    "that was a deadlock's victim, or met a key of a racing one, is run again as a whole",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        for (const error of [1205, 2627, 2601]) {
          server.statements.length = 0
          server.when(/INSERT/, { error, class: 13 }, { error, class: 13 }, { count: 1 })
          const done = sql.withTransaction(
            Effect.zipRight(sql`UPDATE t SET n = 1`, sql`INSERT INTO t VALUES (1)`.raw)
          )
          expect(yield* done).toEqual({ changes: 1 })
          expect(server.texts().filter((text) => !frame.test(text)).length).toBe(6)
          expect(server.texts().filter((text) => text.startsWith("COMMIT")).length).toBe(1)
        }
      })
    )
  )

  it.scopedLive(
    "is run again though its effect gave the failure another name",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/UPDATE/, { error: 1205, class: 13 }, { count: 1 })
        const renamed = Effect.mapError(sql`UPDATE t SET n = 1`.raw, () => "storage")
        expect(yield* sql.withTransaction(renamed)).toEqual({ changes: 1 })
      })
    )
  )

  it.scopedLive(
    "is given up after four tries, with the server's answer",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/UPDATE/, { error: 1205, class: 13 })
        const failure = yield* failureOf(sql.withTransaction(sql`UPDATE t SET n = 1`))
        expect(failure.number).toBe(1205)
        expect(isTransient(failure)).toBe(true)
        expect(server.texts().filter((text) => text.startsWith("UPDATE")).length).toBe(4)
      })
    )
  )

  it.scopedLive(
    "does not go on after a statement has failed, though the failure was caught",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/WRONG/, { error: 207 })
        const stubborn = sql.withTransaction(
          Effect.all([Effect.ignore(sql`UPDATE t SET WRONG = 1`), Effect.ignore(sql`UPDATE t SET n = 2`)])
        )
        expect((yield* failureOf(stubborn)).number).toBe(207)
        expect(server.texts()).not.toContain("UPDATE t SET n = 2")
        expect(server.texts()).not.toContain("COMMIT TRAN")
      })
    )
  )

  it.scopedLive(
    "tells the failure of its statement though ROLLBACK fails too",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/^IF @@TRANCOUNT/, "drop")
        const why = yield* Effect.flip(
          sql.withTransaction(Effect.zipRight(sql`UPDATE t SET n = 1`, Effect.fail("no")))
        )
        expect(why).toBe("no")
        server.when(/UPDATE/, { error: 207 })
        expect((yield* failureOf(sql.withTransaction(sql`UPDATE t SET n = 1`))).number).toBe(207)
        server.when(/UPDATE/, { count: 1 })
        expect(yield* isHealthy(server, sql)).toBe(true)
      })
    )
  )

  it.scopedLive(
    "whose COMMIT is lost fails as transient and is not run again",
    inWorld(
      ({ server, sql }) =>
        Effect.gen(function* () {
          for (const trouble of ["drop", "never", { error: 596, class: 21 }] as const) {
            server.statements.length = 0
            server.when(/^COMMIT/, trouble, { count: 0 })
            const failure = yield* failureOf(sql.withTransaction(sql`UPDATE t SET n = 1`))
            expect(isTransient(failure)).toBe(true)
            expect(server.texts().filter((text) => text.startsWith("COMMIT")).length).toBe(1)
            expect(yield* isHealthy(server, sql)).toBe(true)
          }
        }),
      { requestTimeout: 300 }
    )
  )

  it.scopedLive(
    "whose connection is lost before its COMMIT is run again on another",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/INSERT/, "drop", { count: 1 })
        yield* sql.withTransaction(Effect.zipRight(sql`UPDATE t SET n = 1`, sql`INSERT INTO t VALUES (1)`))
        const last = server.statements.slice(-4)
        expect(last.map(({ sql: text }) => text.slice(0, 6))).toEqual([
          "BEGIN ",
          "UPDATE",
          "INSERT",
          "COMMIT"
        ])
        expect(new Set(last.map(({ connection }) => connection)).size).toBe(1)
      })
    )
  )

  it.scopedLive(
    "of another client is another transaction",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        const lease = yield* single(server.config())
        yield* sql.withTransaction(
          Effect.zipRight(sql`UPDATE t SET n = 1`, lease.withTransaction(lease`UPDATE lease SET n = 1`))
        )
        const of = (text: string) => server.statements.find((_) => _.sql === text)?.connection
        expect(of("UPDATE lease SET n = 1")).not.toBe(of("UPDATE t SET n = 1"))
        expect(server.texts().filter((text) => text === "COMMIT TRAN").length).toBe(2)
      })
    )
  )
})

describe("a fenced client", () => {
  it.scopedLive(
    "checks the epoch with every single write, in one round trip, and not when it reads",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.epoch = 4
        server.when(/UPDATE/, { count: 3 })
        server.when(/OUTPUT/, { rows: { columns: ["id"], rows: [[7]] } })
        const fenced = sql.fencedBy(() => 4)
        expect(yield* fenced`UPDATE t SET n = ${1};`.raw).toEqual({ changes: 3 })
        expect(yield* fenced`DELETE FROM t OUTPUT DELETED.id WHERE n = ${2}`).toEqual([{ id: 7 }])
        expect(server.statements.length).toBe(2)
        for (const { sql: text, values } of server.statements) {
          expect(text).toMatch(
            /^BEGIN TRAN;\nIF NOT EXISTS [^\n]* THROW 51000[^\n]*\n(UPDATE|DELETE)[^;]*\n;COMMIT TRAN;$/
          )
          expect(values["epoch"]).toBe(4n)
        }
        yield* fenced`SELECT 1`
        expect(server.texts().at(-1)).toBe("SELECT 1")
        expect(server.openTransactions()).toBe(0)
      })
    )
  )

  it.scopedLive(
    "checks nothing while there is no epoch",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        const fenced = sql.fencedBy(() => undefined)
        yield* fenced`UPDATE t SET n = 1`
        yield* fenced.withTransaction(fenced`UPDATE t SET n = 2`)
        expect(server.texts().join()).not.toContain("epochs")
      })
    )
  )

  it.scopedLive(
    "does not write after another node has taken over, and does not try again",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.epoch = 5
        const fenced = sql.fencedBy(() => 4)
        for (const write of [
          fenced`UPDATE t SET n = 1`,
          fenced.withTransaction(fenced`SELECT 1`),
          fenced.withTransaction(Effect.ignore(fenced`UPDATE t SET n = 1`))
        ]) {
          server.statements.length = 0
          const error = yield* Effect.flip(write as Effect.Effect<unknown, SqlError>)
          expect(error).toBeInstanceOf(SqlError)
          expect(error.cause).toBeInstanceOf(Fenced)
          expect(isTransient(error.cause)).toBe(false)
          expect(server.statements.filter(({ sql: text }) => text.includes("epochs")).length).toBe(1)
          expect(server.openTransactions()).toBe(0)
          expect(server.texts()).not.toContain("COMMIT TRAN")
        }
      })
    )
  )

  it.scopedLive(
    "checks once a transaction, and again after a savepoint was rolled back",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.epoch = 4
        let epoch = 4
        const fenced = sql.fencedBy(() => epoch)
        yield* fenced.withTransaction(
          Effect.gen(function* () {
            yield* Effect.ignore(
              fenced.withTransaction(Effect.zipRight(fenced`UPDATE t SET n = 1`, Effect.fail("no")))
            )
            epoch = 5
            yield* fenced`UPDATE t SET n = 2`
            yield* fenced`UPDATE t SET n = 3`
          })
        )
        const checked = server.statements.filter(({ sql: text }) => text.includes("epochs"))
        expect(checked.map(({ values }) => values["epoch"])).toEqual([4n, 4n])
        expect(server.texts().at(-2)).toBe("UPDATE t SET n = 3")
      })
    )
  )

  it.scopedLive(
    "leaves no transaction open when a write is interrupted, late or refused",
    inWorld(
      ({ server, sql }) =>
        Effect.gen(function* () {
          server.epoch = 4
          const fenced = sql.fencedBy(() => 4)
          server.when(/SLOW/, "never")
          server.when(/WRONG/, { error: 207 })
          for (const attention of ["quiet", "told", "ignored"] as const) {
            server.attention = attention
            yield* Effect.timeoutOption(fenced`UPDATE t SET n = 'SLOW'`, "50 millis")
            expect(Exit.isFailure(yield* Effect.exit(fenced`UPDATE t SET n = 'SLOW'`))).toBe(true)
            expect((yield* failureOf(fenced`UPDATE t SET n = 'WRONG'`)).number).toBe(207)
            yield* eventually(() => server.openTransactions() === 0)
            expect(yield* isHealthy(server, sql)).toBe(true)
          }
          yield* failsWithin(5, fenced`UPDATE t SET n = 'WRONG'`)
        }),
      { requestTimeout: 300 }
    )
  )
})
