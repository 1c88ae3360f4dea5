import type { SqlClient } from "@effect/sql/SqlClient"
import { Clock, Effect } from "effect"
import { operation, type StorageShape } from "./Operation.ts"

/** What concerns the database as a whole. */
export const make = (sql: SqlClient): Pick<StorageShape, "ping" | "meta"> => ({
  // A full disk shows only when something is written.
  ping: Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const row = { name: "ping", value: new Uint8Array(new Float64Array([now]).buffer) }
    return sql`INSERT INTO meta ${sql.insert(row)} ON CONFLICT (name) DO UPDATE SET value = excluded.value`
  }).pipe(Effect.asVoid, operation("ping")),

  meta: (name, value) =>
    sql`INSERT INTO meta ${sql.insert({ name, value })} ON CONFLICT DO NOTHING`.pipe(
      Effect.zipRight(sql<{ value: Uint8Array }>`SELECT value FROM meta WHERE name = ${name}`),
      Effect.map((rows) => rows[0]!.value),
      operation("meta")
    )
})
