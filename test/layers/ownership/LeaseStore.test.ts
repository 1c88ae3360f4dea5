import { join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { describe } from "@effect/vitest"
import { Effect } from "effect"
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
})
