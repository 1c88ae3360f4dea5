import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"

/** How old the keys of users are (NULL = as old as the user), and the keys that they replaced. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE users ADD COLUMN seal_key_made_at INTEGER`
  yield* sql`ALTER TABLE registration_keys ADD COLUMN made_at INTEGER`
  yield* sql`CREATE TABLE former_keys (
    user_no INTEGER NOT NULL REFERENCES users (user_no) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    replaced_at INTEGER NOT NULL,
    PRIMARY KEY (user_no, kind)
  ) WITHOUT ROWID`
})
