import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Option } from "effect"
import { dialectOf } from "./Dialect.ts"
import { afterRaces, operation, type StorageShape } from "./Operation.ts"

export const make = (sql: SqlClient): Pick<StorageShape, "savePartial" | "partial" | "deletePartial"> => ({
  savePartial: (user, generation, ciphertext) =>
    dialectOf(sql)
      .upsert("partials", { user_no: Number(user), generation }, { ciphertext })
      .pipe(afterRaces, Effect.asVoid, operation("savePartial")),

  partial: (user, generation) =>
    sql<{ ciphertext: Uint8Array }>`
      SELECT ciphertext FROM partials WHERE user_no = ${Number(user)} AND generation = ${generation}`.pipe(
      Effect.map((rows) => Option.map(Option.fromNullable(rows[0]), (row) => row.ciphertext)),
      operation("partial")
    ),

  deletePartial: (user, generation) =>
    sql`DELETE FROM partials WHERE user_no = ${Number(user)} AND generation = ${generation}`.pipe(
      Effect.asVoid,
      operation("deletePartial")
    )
})
