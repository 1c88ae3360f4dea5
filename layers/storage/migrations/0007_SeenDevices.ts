import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"

/** When a device's app was last heard of. NULL = when it registered. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE devices ADD COLUMN seen_at INTEGER`
})
