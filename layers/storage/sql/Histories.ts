import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import type { UserNumber } from "../../../schemas/Ids.ts"
import { dialectOf } from "./Dialect.ts"
import { affected, inChunks, operation, type StorageShape, transaction } from "./Operation.ts"

const DROP_AT_ONCE = 500

/** What happened to users, a row each. Reads and writes take any number of users in one statement. */
export const make = (sql: SqlClient): Pick<StorageShape, "histories" | "saveHistories" | "dropHistories"> => {
  const { rows, some } = dialectOf(sql)

  const dropSome = (before: number) =>
    affected(sql`
      DELETE FROM histories WHERE user_no IN (
        SELECT user_no FROM histories WHERE last_at < ${before} ${some(DROP_AT_ONCE)})`)

  return {
    histories: (users) =>
      users.length === 0
        ? Effect.succeed([])
        : sql<{ user_no: number; last_at: number; events: Uint8Array }>`
            SELECT h.user_no, h.last_at, h.events
            FROM ${rows(
              { user_no: "number" },
              [...new Set(users)].map((user) => [Number(user)])
            )}
            JOIN histories h ON h.user_no = x.user_no`.pipe(
            Effect.map((found) =>
              found.map(({ events, last_at, user_no }) => ({
                user: String(user_no) as UserNumber,
                lastAt: last_at,
                events
              }))
            ),
            operation("histories")
          ),

    saveHistories: (batch) => {
      if (batch.length === 0) return Effect.void
      const some = rows(
        COLUMNS,
        batch.map(({ events, lastAt, user }) => [Number(user), lastAt, events])
      )
      return sql`
        UPDATE histories SET last_at = x.last_at, events = x.events FROM ${some}
        WHERE histories.user_no = x.user_no`.pipe(
        Effect.zipRight(sql`
          INSERT INTO histories (user_no, last_at, events)
          SELECT x.user_no, x.last_at, x.events FROM ${some}
          JOIN users u ON u.user_no = x.user_no
          WHERE NOT EXISTS (SELECT 1 FROM histories h WHERE h.user_no = x.user_no)`),
        transaction(sql, "saveHistories"),
        Effect.asVoid
      )
    },

    dropHistories: (before) => operation("dropHistories")(inChunks(DROP_AT_ONCE, dropSome(before)))
  }
}

const COLUMNS = { user_no: "number", last_at: "number", events: "bytes" } as const
