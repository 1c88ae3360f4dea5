import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import { dialectOf } from "./Dialect.ts"
import { operation, type StorageShape, transaction } from "./Operation.ts"

/** The newest ones of a user that are kept. */
export const DEAD_LETTERS_MAX = 50

export const make = (sql: SqlClient): Pick<StorageShape, "addDeadLetter" | "deadLetters"> => ({
  addDeadLetter: Effect.fnUntraced(
    function* ({ user, digest, reason, at }) {
      yield* sql`INSERT INTO dead_letters ${sql.insert({ user_no: Number(user), digest, reason, noted_at: at })}`
      yield* sql`
      DELETE FROM dead_letters WHERE user_no = ${Number(user)} AND letter_no NOT IN (
        SELECT letter_no FROM dead_letters WHERE user_no = ${Number(user)}
        ORDER BY letter_no DESC ${dialectOf(sql).limit(DEAD_LETTERS_MAX)})`
    },
    transaction(sql, "addDeadLetter")
  ),

  deadLetters: (user) =>
    sql<{ digest: string; reason: string; noted_at: number }>`
      SELECT digest, reason, noted_at FROM dead_letters WHERE user_no = ${Number(user)} ORDER BY letter_no`.pipe(
      Effect.map((rows) => rows.map(({ digest, reason, noted_at }) => ({ digest, reason, at: noted_at }))),
      operation("deadLetters")
    )
})
