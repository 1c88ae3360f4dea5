import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"

/** Since when mails may have been missed for which nobody has looked yet. NULL = none were. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE hot_states ADD COLUMN gap_since INTEGER`
})
