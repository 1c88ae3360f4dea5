import type { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import { operation, type StorageShape } from "./Operation.ts"

/** One statement for any number of users: the rows travel as one JSON text, bytes in it as hex. */
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
      Buffer.from(hot.ledger).toString("hex")
    ])
    return sql`
      UPDATE hot_states
      SET watermark = COALESCE(x.watermark, hot_states.watermark), last_heard = x.last_heard,
        unread = x.unread, badge = x.badge, gap_since = x.gap_since, ledger = unhex(x.ledger)
      FROM (
        SELECT value ->> 0 AS user_no, value ->> 1 AS generation, value ->> 2 AS watermark,
          value ->> 3 AS last_heard, value ->> 4 AS unread, value ->> 5 AS badge, value ->> 6 AS gap_since, value ->> 7 AS ledger
        FROM json_each(${JSON.stringify(rows)})
      ) x
      WHERE hot_states.user_no = x.user_no AND hot_states.generation <= x.generation`.pipe(
      Effect.asVoid,
      operation("saveHot")
    )
  }
})
