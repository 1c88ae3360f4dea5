import type { Statements } from "../Migrations.ts"

/**
 * How old the keys of users are (NULL = as old as the user), and the keys that they replaced.
 */
export default {
  sqlite: [
    "ALTER TABLE users ADD COLUMN seal_key_made_at INTEGER",
    "ALTER TABLE registration_keys ADD COLUMN made_at INTEGER",
    `CREATE TABLE former_keys (
      user_no INTEGER NOT NULL REFERENCES users (user_no) ON DELETE CASCADE,
      kind TEXT NOT NULL,
      wrapped BLOB NOT NULL,
      replaced_at INTEGER NOT NULL,
      PRIMARY KEY (user_no, kind)
    ) WITHOUT ROWID`
  ],
  mssql: [
    "ALTER TABLE users ADD seal_key_made_at BIGINT NULL",
    "ALTER TABLE registration_keys ADD made_at BIGINT NULL",
    `CREATE TABLE former_keys (
      user_no BIGINT NOT NULL REFERENCES users (user_no) ON DELETE CASCADE,
      kind NVARCHAR(100) COLLATE Latin1_General_BIN2 NOT NULL,
      wrapped VARBINARY(MAX) NOT NULL,
      replaced_at BIGINT NOT NULL,
      PRIMARY KEY (user_no, kind)
    )`
  ]
} satisfies Statements
