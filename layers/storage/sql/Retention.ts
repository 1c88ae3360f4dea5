import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import type { UserNumber } from "../../../schemas/Ids.ts"
import { dialectOf } from "./Dialect.ts"
import { affected, inChunks, operation, type StorageShape } from "./Operation.ts"

/** Users looked at in one statement, so that reading them keeps nobody waiting for long. */
const PAGE = 1000
const DROP_AT_ONCE = 1000

/** What is too old to be kept. Searches walk along the users, a page a call. */
export const make = (
  sql: SqlClient
): Pick<StorageShape, "staleDevices" | "lostUsers" | "dropDeadLetters"> => {
  const { limit, some } = dialectOf(sql)

  /** The last user of the page that begins after `after`; undefined = this page is the last one. */
  const endOfPage = (after: UserNumber | undefined) =>
    Effect.map(
      sql<{ user_no: number }>`
        SELECT user_no FROM users WHERE user_no > ${Number(after ?? 0)} ORDER BY user_no ${limit(1, PAGE - 1)}`,
      (rows) => rows[0]?.user_no
    )
  const numberOf = (user: number) => String(user) as UserNumber

  const dropSome = (before: number) =>
    affected(sql`
      DELETE FROM dead_letters WHERE letter_no IN (
        SELECT letter_no FROM dead_letters WHERE noted_at < ${before} ${some(DROP_AT_ONCE)})`)

  return {
    staleDevices: Effect.fnUntraced(function* (before, after) {
      const end = yield* endOfPage(after)
      const rows = yield* sql<{ user_no: number; token: string; seen_at: number }>`
        SELECT user_no, token, COALESCE(seen_at, registered_at) AS seen_at FROM devices
        WHERE user_no > ${Number(after ?? 0)} AND user_no <= ${end ?? Number.MAX_SAFE_INTEGER}
          AND COALESCE(seen_at, registered_at) < ${before}
        ORDER BY user_no, token`
      return {
        devices: rows.map((row) => ({ user: numberOf(row.user_no), token: row.token, seenAt: row.seen_at })),
        next: end === undefined ? undefined : numberOf(end)
      }
    }, operation("staleDevices")),

    lostUsers: Effect.fnUntraced(function* (before, after) {
      const end = yield* endOfPage(after)
      const rows = yield* sql<{ user_no: number }>`
        SELECT user_no FROM subscriptions
        WHERE user_no > ${Number(after ?? 0)} AND user_no <= ${end ?? Number.MAX_SAFE_INTEGER}
          AND link = 'Lost' AND link_since < ${before}
        ORDER BY user_no`
      return {
        users: rows.map((row) => numberOf(row.user_no)),
        next: end === undefined ? undefined : numberOf(end)
      }
    }, operation("lostUsers")),

    dropDeadLetters: (before) => operation("dropDeadLetters")(inChunks(DROP_AT_ONCE, dropSome(before)))
  }
}
