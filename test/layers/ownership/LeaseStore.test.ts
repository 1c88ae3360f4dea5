import { join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as LeaseStore from "../../../layers/ownership/LeaseStore.ts"
import { migrate } from "../../../layers/storage/Migrations.ts"
import * as MssqlClient from "../../../layers/storage/mssql/MssqlClient.ts"
import * as SqliteClient from "../../../layers/storage/SqliteClient.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { describeMssql, emptied } from "../../support/TestMssql.ts"
import { leaseStoreSuite } from "./LeaseStoreSuite.ts"

describe("the lease in SQLite", () => {
  leaseStoreSuite(
    Effect.gen(function* () {
      const sql = yield* SqliteClient.make(join(yield* temporaryDirectory, "test.db"))
      yield* Effect.provideService(migrate(), SqlClient, sql)
      return sql
    })
  )
})

describeMssql("the lease in SQL Server", (config) => {
  leaseStoreSuite(Effect.zipRight(emptied(config), MssqlClient.make({ ...config, poolSize: 20 })))

  it.scopedLive("writes of an earlier tenure are refused from the takeover on", () =>
    Effect.gen(function* () {
      const looking = yield* emptied(config)
      const sql = yield* MssqlClient.make(config)
      const store = LeaseStore.make(sql)
      const write = (epoch: number) =>
        sql.fencedBy(
          () => epoch
        )`INSERT INTO meta ${sql.insert({ name: `tenure ${epoch}`, value: new Uint8Array(1) })}`
      expect((yield* Effect.flip(write(1))).cause).toBeInstanceOf(MssqlClient.Fenced)
      yield* store.acquire("a", "host of a")
      yield* write(1)
      yield* store.release("a")
      // Nobody has taken over yet: what is under way may end.
      yield* sql`DELETE FROM meta`
      yield* write(1)
      yield* store.acquire("b", "host of b")
      yield* sql`DELETE FROM meta`
      expect((yield* Effect.flip(write(1))).cause).toBeInstanceOf(MssqlClient.Fenced)
      expect((yield* Effect.flip(write(0))).cause).toBeInstanceOf(MssqlClient.Fenced)
      yield* write(2)
      expect(yield* looking`SELECT name FROM meta`).toEqual([{ name: "tenure 2" }])
    })
  )
})
