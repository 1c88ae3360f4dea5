import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import { dialectOf } from "./Dialect.ts"
import { operation, type StorageShape } from "./Operation.ts"

/** One statement for any number of users. */
export const make = (sql: SqlClient): Pick<StorageShape, "saveHot"> => ({
  saveHot: (batch) => {
    if (batch.length === 0) return Effect.void
    const rows = batch.map(({ user, generation, hot }) => [
      Number(user),
      generation,
      hot.watermark,
      hot.lastHeard,
      hot.unread,
      hot.badge,
      hot.gapSince,
      hot.ledger
    ])
    return sql`
      UPDATE hot_states
      SET watermark = COALESCE(x.watermark, hot_states.watermark), last_heard = x.last_heard,
        unread = x.unread, badge = x.badge, gap_since = x.gap_since, ledger = x.ledger
      FROM ${dialectOf(sql).rows(COLUMNS, rows)}
      WHERE hot_states.user_no = x.user_no AND hot_states.generation <= x.generation`.pipe(
      Effect.asVoid,
      operation("saveHot")
    )
  }
})

const COLUMNS = {
  user_no: "number",
  generation: "number",
  watermark: "text",
  last_heard: "number",
  unread: "number",
  badge: "number",
  gap_since: "number",
  ledger: "bytes"
} as const
