import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option } from "effect"
import * as MssqlClient from "../../../../layers/storage/mssql/MssqlClient.ts"
import { isTransient, isUniqueViolation } from "../../../../layers/storage/mssql/MssqlTrouble.ts"
import * as Tds from "../../../support/TdsServer.ts"
import { done, errorToken, loginAck, routing } from "../../../support/TdsServerWire.ts"
import { eventually, failsWithin, failureOf, inWorld, isHealthy } from "./Fixture.ts"

describe("statements over TDS", () => {
  it.scopedLive(
    "carry values by their types",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        const long = "ż".repeat(4001)
        yield* sql`INSERT INTO t VALUES (${"żółć 😀"}, ${long}, ${7}, ${8n}, ${1.5}, ${true}, ${null}, ${new Uint8Array([1, 2])}, ${new Uint8Array(9000)}, ${""})`
        expect(Object.values(server.statements[0]!.values)).toEqual([
          "żółć 😀",
          long,
          7n,
          8n,
          1.5,
          true,
          null,
          Buffer.from([1, 2]),
          Buffer.alloc(9000),
          ""
        ])
        const odd = [new Date(0), {}, undefined, Number.NaN, 2 ** 60, 2n ** 70n]
        for (const value of odd) {
          const exit = yield* Effect.exit(sql`SELECT ${value as never}`)
          expect(Exit.isFailure(exit) && Cause.isDie(exit.cause)).toBe(true)
        }
        expect(yield* isHealthy(server, sql)).toBe(true)
      })
    )
  )

  it.scopedLive("are not sent on a connection whose settings the server refused", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      const refusal = {
        number: 921,
        class: 14,
        state: 1,
        message: "Database 'ENS' has not been recovered yet."
      }
      server.settled = [errorToken(refusal), done("done", 2)]
      const { cause } = yield* Effect.flip(
        Effect.scoped(MssqlClient.make(server.config({ requestTimeout: 300 })))
      )
      expect(cause).toMatchObject({ number: 921, sent: false })
      yield* eventually(() => server.openConnections() === 0)
    })
  )

  it.scopedLive("follow a server that routes them elsewhere, and give up one that never ends to", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      const gateway = yield* Tds.make
      gateway.welcome = [loginAck, routing("127.0.0.1", server.port), done("done", 0)]
      const sql = yield* MssqlClient.make(gateway.config())
      yield* sql`UPDATE t SET n = 1`
      expect(server.texts()).toContain("UPDATE t SET n = 1")
      gateway.welcome = [loginAck, routing("127.0.0.1", gateway.port), done("done", 0)]
      const limits = { connectTimeout: 300, requestTimeout: 300 }
      yield* failsWithin(5, Effect.scoped(MssqlClient.make(gateway.config(limits))))
      yield* Effect.sleep("50 millis")
      const tries = gateway.connections.length
      yield* Effect.sleep("200 millis")
      expect(gateway.connections.length).toBe(tries)
    })
  )

  it.scopedLive(
    "are counted and rolled back as a whole, whatever the server's defaults are",
    inWorld(({ server }) =>
      Effect.sync(() => {
        expect(server.settings).toMatch(/^set xact_abort on$/m)
        expect(server.settings).toMatch(/^set nocount off$/m)
        expect(server.settings).toMatch(/^set implicit_transactions off$/m)
      })
    )
  )

  it.scopedLive(
    "answer rows, values and the count of the last statement",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        const columns = ["a", "b", "c", "d"]
        server.when(/FROM t/, {
          rows: {
            columns,
            rows: [
              [1, 9007199254740991n, "żółć", new Uint8Array([1])],
              [null, null, null, null]
            ]
          }
        })
        server.when(/UPDATE/, { count: 5 })
        expect(yield* sql`SELECT * FROM t`).toEqual([
          { a: 1, b: 9007199254740991, c: "żółć", d: new Uint8Array([1]) },
          { a: null, b: null, c: null, d: null }
        ])
        expect((yield* sql`SELECT * FROM t`.values)[1]).toEqual([null, null, null, null])
        expect(yield* sql`UPDATE t SET n = 1`.raw).toEqual({ changes: 5 })
        server.when(/FROM big/, { rows: { columns: ["n"], rows: [[2n ** 53n]] } })
        const exit = yield* Effect.exit(sql`SELECT n FROM big`)
        expect(Exit.isFailure(exit) && Cause.isDie(exit.cause)).toBe(true)
      })
    )
  )

  it.scopedLive(
    "that are interrupted are cancelled, and their caller goes on at once",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/SLOW/, "never")
        for (const attention of ["quiet", "told"] as const) {
          server.attention = attention
          expect(Option.isNone(yield* Effect.timeoutOption(sql`SELECT 'SLOW'`, "50 millis"))).toBe(true)
          expect(yield* isHealthy(server, sql)).toBe(true)
        }
        yield* eventually(() => server.connections.reduce((sum, { attentions }) => sum + attentions, 0) === 2)
      })
    )
  )

  it.scopedLive(
    "whose cancelling is not confirmed cost a connection and nothing else",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/SLOW/, "never")
        server.attention = "ignored"
        yield* Effect.timeoutOption(sql`SELECT 'SLOW'`, "50 millis")
        expect(yield* isHealthy(server, sql)).toBe(true)
        yield* eventually(() => !server.connections[0]!.open)
      })
    )
  )

  it.scopedLive(
    "that take too long fail as transient, and the connection goes on",
    inWorld(
      ({ server, sql }) =>
        Effect.gen(function* () {
          server.when(/SLOW/, "never")
          const failure = yield* failureOf(sql`UPDATE t SET n = 'SLOW'`)
          expect(failure).toMatchObject({ code: "ETIMEOUT", sent: true })
          expect(isTransient(failure)).toBe(true)
          expect(server.texts().filter((text) => text.startsWith("UPDATE")).length).toBe(1)
          expect(yield* isHealthy(server, sql, 1)).toBe(true)
          expect(server.connections.length).toBe(1)
        }),
      { requestTimeout: 1000, poolSize: 1 }
    )
  )

  it.scopedLive(
    "that the server does not even read fail in time",
    inWorld(
      ({ server, sql }) =>
        Effect.gen(function* () {
          server.deafen()
          const error = yield* failsWithin(8, sql`UPDATE t SET b = ${new Uint8Array(30_000_000)}`)
          expect(error).toMatchObject({ cause: { code: "ETIMEOUT" } })
          expect(yield* isHealthy(server, sql)).toBe(true)
        }),
      { requestTimeout: 500 }
    )
  )

  it.scopedLive(
    "that violate a unique key say so, without the key",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        for (const error of [2627, 2601]) {
          server.when(/INSERT/, {
            error,
            class: 14,
            message: "Violation of UNIQUE KEY constraint 'u'. The duplicate key value is (anna@example.com)."
          })
          const failure = yield* failureOf(sql`INSERT INTO t VALUES (1)`)
          expect(failure.number).toBe(error)
          expect(isUniqueViolation(failure)).toBe(true)
          expect(isTransient(failure)).toBe(false)
          expect(Cause.pretty(Cause.fail(failure))).not.toContain("anna")
        }
      })
    )
  )

  it.scopedLive(
    "that were a deadlock's victim are run again",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/UPDATE/, { error: 1205, class: 13 }, { error: 1205, class: 13 }, { count: 2 })
        expect(yield* sql`UPDATE t SET n = 1`.raw).toEqual({ changes: 2 })
      })
    )
  )

  it.scopedLive(
    "are read again after a lost connection, and written only once",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/SELECT/, "drop", { rows: { columns: ["n"], rows: [[1]] } })
        expect(yield* sql`SELECT n FROM t`).toEqual([{ n: 1 }])
        server.when(/UPDATE/, "drop", { count: 1 })
        expect(isTransient(yield* failureOf(sql`UPDATE t SET n = 1`))).toBe(true)
        expect(server.texts().filter((text) => text.startsWith("UPDATE")).length).toBe(1)
        server.when(/UPDATE/, { error: 596, class: 21 }, { count: 1 })
        expect(isTransient(yield* failureOf(sql`UPDATE t SET n = 1`))).toBe(true)
        expect(yield* isHealthy(server, sql)).toBe(true)
      })
    )
  )
})

describe("connecting over TDS", () => {
  it.scopedLive("says who connects, and asks for a server that can be written to", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      yield* MssqlClient.make(server.config())
      expect(server.connections[0]).toMatchObject({ app: "ENS", user: "ens", readOnly: false })
    })
  )

  it.scopedLive("fails when the server refuses the log-in, once and without the password", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      server.login = 18456
      const error = yield* Effect.flip(MssqlClient.make(server.config()))
      expect(error.cause).toMatchObject({ code: "ELOGIN", number: 18456, class: 14 })
      expect(`${error}${Cause.pretty(Cause.fail(error))}${JSON.stringify(error)}`).not.toContain("p4ssw0rd")
    })
  )

  it.scopedLive("fails in time when the server says nothing", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      server.login = "silent"
      const error = yield* failsWithin(
        5,
        Effect.scoped(MssqlClient.make(server.config({ connectTimeout: 200, requestTimeout: 200 })))
      )
      expect(error).toMatchObject({ cause: { code: "ETIMEOUT", sent: false } })
    })
  )

  it.scopedLive("fails when the file with the authorities is not there", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      const error = yield* Effect.flip(MssqlClient.make(server.config({ caFile: "/nowhere/ca.pem" })))
      expect(error.message).toContain("caFile")
    })
  )

  it.scopedLive("by a client of one connection opens it when it is needed, and again when it is lost", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      const sql = yield* MssqlClient.single(server.config())
      expect(server.connections.length).toBe(0)
      yield* sql`UPDATE lease SET n = 1`
      server.dropAll()
      yield* eventually(() => server.openConnections() === 0)
      yield* Effect.all([sql`UPDATE lease SET n = 1`, sql`UPDATE lease SET n = 2`], { concurrency: 2 })
      expect(server.connections.length).toBe(2)
    })
  )
})
