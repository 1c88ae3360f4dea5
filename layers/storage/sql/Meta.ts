import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import { operation, type StorageShape, transaction } from "./Operation.ts"

/** What concerns the database as a whole. */
export const make = (sql: SqlClient): Pick<StorageShape, "ping" | "meta"> => ({
  // An empty transaction asks for the write lock and costs no disk: it fails where writing would.
  ping: Effect.asVoid(transaction(sql, "ping")(sql`SELECT 1`)),

  meta: (name, value) =>
    sql`INSERT INTO meta ${sql.insert({ name, value })} ON CONFLICT DO NOTHING`.pipe(
      Effect.zipRight(sql<{ value: Uint8Array }>`SELECT value FROM meta WHERE name = ${name}`),
      Effect.map((rows) => rows[0]!.value),
      operation("meta")
    )
})
