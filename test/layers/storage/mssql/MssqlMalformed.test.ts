import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as MssqlClient from "../../../../layers/storage/mssql/MssqlClient.ts"
import { isConnectionLoss, isTransient, MssqlFailure } from "../../../../layers/storage/mssql/MssqlTrouble.ts"
import * as Tds from "../../../support/TdsServer.ts"
import { done, loginAck, preloginReply, rowTokens } from "../../../support/TdsServerWire.ts"
import { eventually, failureOf, inWorld, isHealthy } from "./Fixture.ts"

/** Token 0x42 is none of MS-TDS 2.2.7; the lengths of the others promise more than comes. */
const MALFORMED: ReadonlyArray<readonly [string, ReadonlyArray<Buffer>]> = [
  ["an unknown token", [Buffer.from([0x42, 1, 2, 3])]],
  ["an unknown token after rows", [rowTokens(["n"], [[1]]), Buffer.from([0x42])]],
  ["a token cut short", [done("done", 0).subarray(0, 7)]],
  ["a row without columns described, cut short", [Buffer.from([0xd1]), Buffer.from([0xaa, 9])]],
  ["an unknown column type", [Buffer.from([0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0x01, 0])]],
  ["a token that belongs to a log-in", [loginAck, done("done", 0)]],
  ["a routing to nowhere", [Buffer.from([0xe3, 8, 0, 20, 3, 0, 9, 0, 0, 0, 0]), done("done", 0)]]
]

describe("a server that sends what is not TDS", () => {
  for (const [name, tokens] of MALFORMED) {
    it.scopedLive(
      `costs a connection and nothing else: ${name}`,
      inWorld(({ server, sql }) =>
        Effect.gen(function* () {
          server.when(/WRONG/, { tokens })
          const failure = yield* failureOf(sql`UPDATE t SET n = 'WRONG'`)
          expect(isConnectionLoss(failure)).toBe(true)
          expect(isTransient(failure)).toBe(true)
          expect(yield* isHealthy(server, sql)).toBe(true)
        })
      )
    )

    it.scopedLive(`is told as a database that cannot be reached, in the answer to LOGIN7: ${name}`, () =>
      Effect.gen(function* () {
        const server = yield* Tds.make
        server.welcome = tokens[0] === loginAck ? [Buffer.from([0x42])] : tokens
        const error = yield* Effect.flip(Effect.scoped(MssqlClient.make(server.config())))
        expect((error.cause as MssqlFailure).code).not.toBe("ETIMEOUT")
        server.welcome = [loginAck, done("done", 0)]
        server.settled = tokens
        const second = yield* Effect.flip(Effect.scoped(MssqlClient.make(server.config())))
        expect((second.cause as MssqlFailure).code).not.toBe("ETIMEOUT")
      })
    )
  }

  it.scopedLive("is told as a database that cannot be reached, in the answer to PRELOGIN", () =>
    Effect.gen(function* () {
      const server = yield* Tds.make
      for (const prelogin of [
        Buffer.alloc(0),
        Buffer.from([0, 0, 11]),
        Buffer.alloc(40),
        preloginReply.subarray(0, 15),
        Buffer.from([1, 255, 255, 0, 1, 255]),
        Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")
      ]) {
        server.prelogin = prelogin
        const error = yield* Effect.flip(Effect.scoped(MssqlClient.make(server.config())))
        expect(error.cause).toBeInstanceOf(MssqlFailure)
        expect((error.cause as MssqlFailure).code).not.toBe("ETIMEOUT")
      }
    })
  )

  it.scopedLive(
    "costs a connection and nothing else in the answer to an Attention",
    inWorld(({ server, sql }) =>
      Effect.gen(function* () {
        server.when(/SLOW/, "never")
        server.acknowledgement = [Buffer.from([0x42]), done("done", 0x20)]
        expect(Option.isNone(yield* Effect.timeoutOption(sql`UPDATE t SET n = 'SLOW'`, "50 millis"))).toBe(
          true
        )
        yield* eventually(() => server.openConnections() === 0)
        expect(yield* isHealthy(server, sql)).toBe(true)
      })
    )
  )

  it.scopedLive(
    "is not believed to answer the next statement when nobody asked",
    inWorld(
      ({ server, sql }) =>
        Effect.gen(function* () {
          server.when(/SELECT n/, { rows: { columns: ["n"], rows: [[1]] } })
          server.sayUnasked([rowTokens(["n"], [[666]]), done("done", 0x10, 1)])
          yield* eventually(() => server.openConnections() === 0)
          expect(yield* sql`SELECT n FROM t`).toEqual([{ n: 1 }])
          expect(yield* sql`SELECT n FROM t`).toEqual([{ n: 1 }])
        }),
      { poolSize: 1 }
    )
  )
})

describe("an Attention", () => {
  it.scopedLive(
    "is acknowledged also in the middle of rows",
    inWorld(
      ({ server, sql }) =>
        Effect.gen(function* () {
          server.when(/SLOW/, { begun: [rowTokens(["n"], [[1], [2]])] })
          const open = server.openConnections()
          for (let n = 0; n < 3; n++) {
            yield* Effect.timeoutOption(sql`SELECT n FROM t WHERE n = 'SLOW'`, "50 millis")
            yield* eventually(() => server.connections.reduce((sum, _) => sum + _.attentions, 0) > n)
            server.when(/AFTER/, { rows: { columns: ["n"], rows: [[n]] } })
            expect(yield* sql`SELECT AFTER`).toEqual([{ n }])
          }
          expect(server.openConnections()).toBe(open)
          expect(server.connections.length).toBe(open)
        }),
      { poolSize: 1 }
    )
  )
})
