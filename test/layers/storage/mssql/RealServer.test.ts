import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Either, FastCheck, Fiber, Option, Redacted, type Scope } from "effect"
import * as MssqlClient from "../../../../layers/storage/mssql/MssqlClient.ts"
import { isTransient, isUniqueViolation } from "../../../../layers/storage/mssql/MssqlTrouble.ts"
import { type MssqlConfig, parseMssqlUrl } from "../../../../layers/storage/mssql/MssqlUrl.ts"
import { failureOf } from "./Fixture.ts"

const url = process.env["ENS_TEST_MSSQL_URL"]
if (url === undefined) {
  console.warn(
    "SKIPPED: the SQL Server client on a real server; set ENS_TEST_MSSQL_URL=mssql://… to a database that may be written to"
  )
}

/** A client with tables of its own: `t`, and `epochs` if it is not there. */
const inDatabase =
  <E>(
    body: (
      sql: MssqlClient.MssqlClient,
      t: string,
      config: MssqlConfig
    ) => Effect.Effect<void, E, Scope.Scope>,
    more: Partial<MssqlConfig> = {}
  ) =>
  () =>
    Effect.gen(function* () {
      const config = { ...Either.getOrThrow(parseMssqlUrl(Redacted.make(url ?? ""))), ...more }
      const sql = yield* MssqlClient.make(config)
      // Other tests of this database wait as long as this connection is open.
      const guard = yield* MssqlClient.single(config, { connectTimeout: 5000, requestTimeout: 60_000 })
      yield* guard.unsafe(
        "DECLARE @lock INT; EXEC @lock = sp_getapplock @Resource = N'ENS tests', @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 50000; IF @lock < 0 THROW 51003, N'another test does not end', 1"
      )
      const t = `client_test_${process.pid}_${Math.floor(Math.random() * 1e9)}`
      yield* sql.unsafe(
        `CREATE TABLE ${t} (k NVARCHAR(100) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY, n BIGINT NULL, f FLOAT NULL, t NVARCHAR(MAX) NULL, b VARBINARY(MAX) NULL)`
      )
      yield* Effect.addFinalizer(() => Effect.ignore(sql.unsafe(`DROP TABLE ${t}`)))
      const [there] = yield* sql`SELECT OBJECT_ID('epochs') AS id`
      if (there?.["id"] === null) {
        yield* sql.unsafe(
          "CREATE TABLE epochs (name NVARCHAR(50) NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL)"
        )
        yield* Effect.addFinalizer(() => Effect.ignore(sql.unsafe("DROP TABLE epochs")))
      }
      yield* body(sql, t, config)
    })

const setEpoch = (sql: MssqlClient.MssqlClient, epoch: number) =>
  sql`UPDATE epochs SET epoch = ${epoch} WHERE name = N'ens'; IF @@ROWCOUNT = 0 INSERT INTO epochs VALUES (N'ens', ${epoch})`

describe.skipIf(url === undefined)("the SQL Server client on a real server", { timeout: 120_000 }, () => {
  it.scopedLive(
    "brings back what was stored",
    inDatabase((sql, t) =>
      Effect.gen(function* () {
        const texts = FastCheck.sample(FastCheck.string({ unit: "grapheme" }), 50).filter(
          (_) => !_.includes("\0")
        )
        const rows = [
          {
            k: "żółć 日本 😀",
            n: Number.MAX_SAFE_INTEGER,
            f: 1.5,
            t: "x😀".repeat(30_000),
            b: new Uint8Array(20_000).fill(7)
          },
          { k: "a", n: -1, f: -0.1, t: "", b: new Uint8Array(0) },
          ...texts.map((text, n) => ({
            k: `${n}`,
            n,
            f: n + 0.5,
            t: text,
            b: new TextEncoder().encode(text)
          }))
        ]
        for (const row of rows) yield* sql`INSERT INTO ${sql(t)} ${sql.insert(row)}`
        yield* sql`INSERT INTO ${sql(t)} (k, n, t) VALUES (${"null"}, ${null}, ${null})`
        for (const row of rows) {
          const found = yield* sql`SELECT * FROM ${sql(t)} WHERE k = ${row.k}`
          // No toEqual of the whole: what differs would be shown with its 90,000 characters.
          const [{ b, t: text, ...rest }] = found as unknown as [typeof row]
          expect([found.length, rest]).toEqual([1, { k: row.k, n: row.n, f: row.f }])
          expect([text === row.t, Buffer.compare(b, row.b), b.constructor]).toEqual([true, 0, Uint8Array])
        }
        expect(yield* sql`SELECT n, f, t, b FROM ${sql(t)} WHERE k = ${"null"}`).toEqual([
          { n: null, f: null, t: null, b: null }
        ])
        expect(yield* sql`SELECT COUNT_BIG(*) AS c FROM ${sql(t)}`).toEqual([{ c: rows.length + 1 }])
        expect(yield* sql`SELECT k FROM ${sql(t)} WHERE k = ${"A"}`).toEqual([])
      })
    )
  )

  it.scopedLive(
    "counts the rows of the last statement, and returns those of OUTPUT",
    inDatabase((sql, t) =>
      Effect.gen(function* () {
        yield* sql`INSERT INTO ${sql(t)} ${sql.insert([
          { k: "a", n: 1 },
          { k: "b", n: 2 },
          { k: "c", n: 3 }
        ])}`
        expect(yield* sql`UPDATE ${sql(t)} SET n = n + 1 WHERE k <> ${"a"}`.raw).toEqual({ changes: 2 })
        expect(yield* sql`DELETE FROM ${sql(t)} WHERE k = ${"x"}`.raw).toEqual({ changes: 0 })
        expect(yield* sql`DELETE FROM ${sql(t)} OUTPUT DELETED.n WHERE k = ${"b"}`).toEqual([{ n: 3 }])
        const upsert = (k: string) =>
          sql`UPDATE ${sql(t)} SET n = 9 WHERE k = ${k}; IF @@ROWCOUNT = 0 INSERT INTO ${sql(t)} (k, n) VALUES (${k}, 9)`
        expect(yield* upsert("a").raw).toEqual({ changes: 1 })
        expect(yield* upsert("d").raw).toEqual({ changes: 1 })
      })
    )
  )

  it.scopedLive(
    "tells a violated key, and goes on",
    inDatabase((sql, t) =>
      Effect.gen(function* () {
        const insert = sql`INSERT INTO ${sql(t)} ${sql.insert({ k: "anna@example.com", n: 1 })}`
        yield* insert
        const failure = yield* failureOf(insert)
        expect(isUniqueViolation(failure)).toBe(true)
        expect(failure.message).not.toContain("anna")
        expect(isUniqueViolation(yield* failureOf(sql.withTransaction(insert)))).toBe(true)
        expect(yield* sql`SELECT @@TRANCOUNT AS c, (SELECT COUNT_BIG(*) FROM ${sql(t)}) AS n`).toEqual([
          { c: 0, n: 1 }
        ])
      })
    )
  )

  it.scopedLive(
    "gives up what is interrupted or late, and leaves no transaction",
    inDatabase((sql, t, config) =>
      Effect.gen(function* () {
        yield* setEpoch(sql, 1)
        yield* sql`INSERT INTO ${sql(t)} ${sql.insert([
          { k: "a", n: 1 },
          { k: "b", n: 1 }
        ])}`
        const other = yield* MssqlClient.single(config, { connectTimeout: 5000, requestTimeout: 1000 })
        const held = yield* Deferred.make<void>()
        const free = yield* Deferred.make<void>()
        const holder = yield* Effect.fork(
          sql.withTransaction(
            sql`UPDATE ${sql(t)} SET n = n + 1`.pipe(
              Effect.zipRight(Deferred.succeed(held, undefined)),
              Effect.zipRight(Deferred.await(free)),
              Effect.zipRight(Effect.fail("undo"))
            )
          )
        )
        yield* Deferred.await(held)
        const blocked = other.withTransaction(other`UPDATE ${sql(t)} SET n = 8 WHERE k = ${"a"}`)
        expect(Option.isNone(yield* Effect.timeoutOption(blocked, "200 millis"))).toBe(true)
        expect(yield* failureOf(blocked)).toMatchObject({ code: "ETIMEOUT" })
        const fenced = yield* MssqlClient.make({ ...config, poolSize: 1, requestTimeout: 1000 })
        expect(
          yield* failureOf(fenced.fencedBy(() => 1)`UPDATE ${sql(t)} SET n = 8 WHERE k = ${"b"}`)
        ).toMatchObject({ code: "ETIMEOUT" })
        expect(yield* other`SELECT @@TRANCOUNT AS c`).toEqual([{ c: 0 }])
        expect(yield* fenced`SELECT @@TRANCOUNT AS c`).toEqual([{ c: 0 }])
        yield* Deferred.succeed(free, undefined)
        expect(yield* Effect.flip(Fiber.join(holder))).toBe("undo")
        expect(yield* sql`UPDATE ${sql(t)} SET n = n + 1 WHERE k = ${"a"}`.raw).toEqual({ changes: 1 })
        expect(yield* sql`SELECT n, @@TRANCOUNT AS c FROM ${sql(t)} WHERE k = ${"a"}`).toEqual([
          { n: 2, c: 0 }
        ])
      })
    )
  )

  it.scopedLive(
    "runs the victim of a deadlock again",
    inDatabase((sql, t) =>
      Effect.gen(function* () {
        yield* sql`INSERT INTO ${sql(t)} ${sql.insert([
          { k: "a", n: 0 },
          { k: "b", n: 0 }
        ])}`
        const both = yield* Effect.makeLatch(false)
        let first = 0
        const add = (keys: readonly [string, string]) =>
          sql.withTransaction(
            Effect.gen(function* () {
              yield* sql`UPDATE ${sql(t)} SET n = n + 1 WHERE k = ${keys[0]}`
              if (++first === 2) yield* both.open
              yield* both.await
              yield* sql`UPDATE ${sql(t)} SET n = n + 1 WHERE k = ${keys[1]}`
            })
          )
        yield* Effect.all([add(["a", "b"]), add(["b", "a"])], { concurrency: 2 })
        expect(first).toBeGreaterThan(2)
        expect(yield* sql`SELECT n FROM ${sql(t)}`).toEqual([{ n: 2 }, { n: 2 }])
      })
    )
  )

  it.scopedLive(
    "writes only in its epoch",
    inDatabase((sql, t) =>
      Effect.gen(function* () {
        yield* setEpoch(sql, 7)
        const mine = sql.fencedBy(() => 7)
        const late = sql.fencedBy(() => 6)
        expect(yield* mine`INSERT INTO ${sql(t)} ${sql.insert({ k: "a", n: 1 })};`.raw).toEqual({
          changes: 1
        })
        expect(yield* mine`UPDATE ${sql(t)} SET n = 2 OUTPUT INSERTED.n`).toEqual([{ n: 2 }])
        for (const write of [
          late`UPDATE ${sql(t)} SET n = 3`,
          late.withTransaction(late`UPDATE ${sql(t)} SET n = 3`),
          late.withTransaction(late`SELECT n FROM ${sql(t)}`)
        ]) {
          const error = yield* Effect.flip(write)
          expect((error as { cause: unknown }).cause).toBeInstanceOf(MssqlClient.Fenced)
        }
        yield* mine.withTransaction(
          Effect.gen(function* () {
            yield* Effect.ignore(
              mine.withTransaction(Effect.zipRight(mine`UPDATE ${sql(t)} SET n = 8`, Effect.fail("no")))
            )
            yield* mine`UPDATE ${sql(t)} SET n = n + 1`
          })
        )
        expect(yield* sql`SELECT n, @@TRANCOUNT AS c FROM ${sql(t)}`).toEqual([{ n: 3, c: 0 }])
      })
    )
  )

  it.scopedLive(
    "does 200 transactions at a time on 10 connections",
    inDatabase(
      (sql, t) =>
        Effect.gen(function* () {
          yield* sql`INSERT INTO ${sql(t)} ${sql.insert([
            { k: "a", n: 0 },
            { k: "b", n: 0 }
          ])}`
          const add = (first: string, second: string) =>
            sql.withTransaction(
              Effect.zipRight(
                sql`UPDATE ${sql(t)} SET n = n + 1 WHERE k = ${first}`,
                sql`UPDATE ${sql(t)} SET n = n + 1 WHERE k = ${second}`
              )
            )
          yield* Effect.forEach(
            Array.from({ length: 200 }, (_, n) => n),
            () => add("a", "b"),
            { concurrency: "unbounded" }
          )
          expect(yield* sql`SELECT k, n FROM ${sql(t)} ORDER BY k`).toEqual([
            { k: "a", n: 200 },
            { k: "b", n: 200 }
          ])
        }),
      { connectTimeout: 30_000, requestTimeout: 10_000 }
    )
  )

  it.scopedLive(
    "is refused with a wrong password, once",
    inDatabase((_, __, config) =>
      Effect.gen(function* () {
        const wrong = MssqlClient.make({ ...config, password: Redacted.make("not-the-password-42") })
        const failure = yield* failureOf(Effect.scoped(wrong))
        expect(failure.code).toBe("ELOGIN")
        expect(isTransient(failure)).toBe(true)
        expect(failure.message).not.toContain("not-the-password-42")
      })
    )
  )
})
