import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { describe } from "@effect/vitest"
import { Effect, Either, Redacted } from "effect"
import { migrate } from "../../../layers/storage/Migrations.ts"
import * as MssqlClient from "../../../layers/storage/mssql/MssqlClient.ts"
import { parseMssqlUrl } from "../../../layers/storage/mssql/MssqlUrl.ts"
import * as SqliteClient from "../../../layers/storage/SqliteClient.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { leaseStoreSuite } from "./LeaseStoreSuite.ts"

describe("the lease in SQLite", () => {
  leaseStoreSuite(
    Effect.gen(function* () {
      const sql = yield* SqliteClient.make(join(yield* temporaryDirectory, "test.db"))
      yield* Effect.provideService(migrate(), SqlClient, sql)
      return { sql, name: "ens" }
    })
  )
})

const url = process.env["ENS_TEST_MSSQL_URL"]

describe.skipIf(url === undefined)(
  `the lease in SQL Server${url === undefined ? " (skipped: ENS_TEST_MSSQL_URL names no server)" : ""}`,
  () => {
    leaseStoreSuite(
      Effect.gen(function* () {
        const config = Either.getOrThrow(parseMssqlUrl(Redacted.make(url ?? "")))
        const sql = yield* MssqlClient.make({ ...config, poolSize: 20 })
        yield* Effect.provideService(migrate(), SqlClient, sql)
        const name = `test ${randomUUID()}`
        yield* Effect.addFinalizer(() =>
          Effect.ignore(
            Effect.all([
              sql`DELETE FROM leases WHERE name = ${name}`,
              sql`DELETE FROM epochs WHERE name = ${name}`
            ])
          )
        )
        return { sql, name }
      })
    )
  }
)
