import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Option } from "effect"
import { operation, type StorageShape, transaction } from "./Operation.ts"

/** Keys waiting for their user, handed out oldest first. */
export const make = (
  sql: SqlClient
): Pick<StorageShape, "countPoolKeys" | "addPoolKeys" | "takePoolKey"> => ({
  countPoolKeys: sql<{ keys: number }>`SELECT COUNT(*) AS keys FROM pool_keys`.pipe(
    Effect.map((rows) => rows[0]!.keys),
    operation("countPoolKeys")
  ),

  addPoolKeys: (keys) =>
    Effect.forEach(keys, (wrapped) => sql`INSERT INTO pool_keys ${sql.insert({ wrapped })}`, {
      concurrency: "unbounded",
      discard: true
    }).pipe(transaction(sql, "addPoolKeys")),

  takePoolKey: sql<{ wrapped: Uint8Array }>`
    DELETE FROM pool_keys WHERE key_no = (SELECT MIN(key_no) FROM pool_keys) RETURNING wrapped`.pipe(
    Effect.map((rows) => Option.map(Option.fromNullable(rows[0]), (row) => row.wrapped)),
    operation("takePoolKey")
  )
})
