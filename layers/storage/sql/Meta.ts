import type { SqlClient } from "@effect/sql/SqlClient"
import { Clock, Effect, Option } from "effect"
import { dialectOf } from "./Dialect.ts"
import { afterRaces, operation, type StorageShape, transaction } from "./Operation.ts"

/** What concerns the database as a whole. */
export const make = (sql: SqlClient): Pick<StorageShape, "ping" | "meta" | "findMeta" | "changeMeta"> => ({
  // A full disk shows only when something is written.
  ping: Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const value = new Uint8Array(new Float64Array([now]).buffer)
    return afterRaces(dialectOf(sql).upsert("meta", { name: "ping" }, { value }))
  }).pipe(Effect.asVoid, operation("ping")),

  meta: (name, value) =>
    afterRaces(dialectOf(sql).insertNew("meta", { name }, { value })).pipe(
      Effect.zipRight(sql<{ value: Uint8Array }>`SELECT value FROM meta WHERE name = ${name}`),
      Effect.map((rows) => rows[0]!.value),
      operation("meta")
    ),

  findMeta: (name) =>
    sql<{ value: Uint8Array }>`SELECT value FROM meta WHERE name = ${name}`.pipe(
      Effect.map((rows) => Option.map(Option.fromNullable(rows[0]), (row) => row.value)),
      operation("findMeta")
    ),

  changeMeta: Effect.fnUntraced(
    function* ({ drop, put }) {
      for (const name of [...drop, ...Object.keys(put)]) yield* sql`DELETE FROM meta WHERE name = ${name}`
      for (const [name, value] of Object.entries(put))
        yield* sql`INSERT INTO meta ${sql.insert({ name, value })}`
    },
    transaction(sql, "changeMeta")
  )
})
