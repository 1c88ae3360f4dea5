import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"

/** Where a push service keeps a device (SNS), and for which registration that was made. NULL = with none. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE devices ADD COLUMN endpoint_arn TEXT`
  yield* sql`ALTER TABLE devices ADD COLUMN endpoint_registered_at INTEGER`
})
