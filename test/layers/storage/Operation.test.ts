import { join } from "node:path"
import { SqlError } from "@effect/sql/SqlError"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { MssqlFailure } from "../../../layers/storage/mssql/MssqlTrouble.ts"
import * as SqliteClient from "../../../layers/storage/SqliteClient.ts"
import { storageError } from "../../../layers/storage/sql/Operation.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const failure = (code: string, number?: number) =>
  storageError(
    "createUser",
    new SqlError({ message: "refused", cause: new MssqlFailure({ message: "m", code, number, sent: true }) })
  )

it.scopedLive("a violated key is an error of its own, and no call may succeed later by itself", () =>
  Effect.gen(function* () {
    const sql = yield* SqliteClient.make(join(yield* temporaryDirectory, "some.db"))
    yield* sql`CREATE TABLE some (name TEXT PRIMARY KEY, other INTEGER UNIQUE)`
    yield* sql`INSERT INTO some VALUES ('secret', 1)`
    const errors = [
      storageError("createUser", yield* Effect.flip(sql`INSERT INTO some VALUES (${"secret"}, 2)`)),
      storageError("createUser", yield* Effect.flip(sql`INSERT INTO some VALUES (${"other"}, 1)`)),
      failure("EREQUEST", 2627),
      failure("EREQUEST", 2601)
    ]
    for (const error of errors) {
      expect(error).toMatchObject({ _tag: "StorageError", transient: false })
      expect(error.message).toBe("storage failed in createUser: a row with the same key is there already")
      expect(String(error)).not.toContain("secret")
    }
  })
)

it("knows what of a SQL Server is transient", () => {
  for (const transient of [failure("ETIMEOUT"), failure("ESOCKET"), failure("EREQUEST", 1205)])
    expect(transient).toMatchObject({ transient: true, message: "storage failed in createUser" })
  for (const lasting of [failure("EREQUEST", 547), failure("EREQUEST", 208), failure("EREQUEST", 8152)])
    expect(lasting.transient).toBe(false)
})
