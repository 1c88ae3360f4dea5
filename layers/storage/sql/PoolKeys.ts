import type { SqlClient } from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, type Option } from "effect"
import { dialectOf } from "./Dialect.ts"
import { AT_ONCE, operation, type StorageShape, transaction } from "./Operation.ts"

/** Keys waiting for their user, handed out oldest first. */
export const make = (sql: SqlClient): Pick<StorageShape, "countPoolKeys" | "addPoolKeys" | "takePoolKey"> => {
  const { deleted, heldRow } = dialectOf(sql)
  const { output, returning } = deleted("wrapped")

  const count = Effect.map(
    sql<{ keys: number }>`SELECT COUNT(*) AS keys FROM pool_keys`,
    (rows) => rows[0]!.keys
  )

  const take: Effect.Effect<Option.Option<Uint8Array>, SqlError> = Effect.flatMap(
    sql<{ wrapped: Uint8Array }>`
      DELETE FROM pool_keys ${output}
      WHERE key_no = (SELECT MIN(key_no) FROM pool_keys ${heldRow}) ${returning}`,
    ([row]) =>
      row !== undefined
        ? Effect.succeedSome(row.wrapped)
        : // Somebody else was faster, if there are others.
          Effect.flatMap(count, (keys) => (keys > 0 ? take : Effect.succeedNone))
  )

  return {
    countPoolKeys: operation("countPoolKeys")(count),

    addPoolKeys: (keys) =>
      Effect.forEach(keys, (wrapped) => sql`INSERT INTO pool_keys ${sql.insert({ wrapped })}`, {
        concurrency: AT_ONCE,
        discard: true
      }).pipe(transaction(sql, "addPoolKeys")),

    takePoolKey: operation("takePoolKey")(take)
  }
}
