import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"

/**
 * As what a subscription was made (digest of the public URL and all else that its callback URL is made of), so that one
 * made otherwise is told apart after the settings changed. NULL = not known.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE subscriptions ADD COLUMN form INTEGER`
})
