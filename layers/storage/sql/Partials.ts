import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Option } from "effect"
import { operation, type StorageShape } from "./Operation.ts"

export const make = (sql: SqlClient): Pick<StorageShape, "savePartial" | "partial" | "deletePartial"> => ({
  savePartial: (user, generation, ciphertext) =>
    sql`
      INSERT INTO partials ${sql.insert({ user_no: Number(user), generation, ciphertext })}
      ON CONFLICT (user_no, generation) DO UPDATE SET ciphertext = excluded.ciphertext`.pipe(
      Effect.asVoid,
      operation("savePartial")
    ),

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
