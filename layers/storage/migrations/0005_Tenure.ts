import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"

/**
 * Which node acts (`layers/ownership`). `leases` is rewritten every few seconds, `epochs` only when another node takes over,
 * because every write looks at it.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE leases (
    name TEXT PRIMARY KEY NOT NULL, holder TEXT NOT NULL, host TEXT NOT NULL, epoch INTEGER NOT NULL, expires_at INTEGER NOT NULL
  )`
  yield* sql`CREATE TABLE epochs (name TEXT PRIMARY KEY NOT NULL, epoch INTEGER NOT NULL)`
})
