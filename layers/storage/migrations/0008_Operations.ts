import type { Statements } from "../Migrations.ts"

/**
 * What operators look at: the latest events of each user (one row a user, see `schemas/History.ts`), who did what to the
 * service, and the tokens that open the console.
 */
export default {
  sqlite: [
    `CREATE TABLE histories (
      user_no INTEGER PRIMARY KEY NOT NULL REFERENCES users (user_no) ON DELETE CASCADE,
      last_at INTEGER NOT NULL,
      events BLOB NOT NULL
    )`,
    "CREATE INDEX histories_by_age ON histories (last_at)",
    `CREATE TABLE audits (
      audit_no INTEGER PRIMARY KEY AUTOINCREMENT,
      at INTEGER NOT NULL,
      actor TEXT NOT NULL,
      action TEXT NOT NULL,
      target TEXT NOT NULL,
      outcome TEXT NOT NULL
    )`,
    "CREATE INDEX audits_by_age ON audits (at)",
    `CREATE TABLE admin_tokens (
      token_no INTEGER PRIMARY KEY AUTOINCREMENT,
      label TEXT NOT NULL,
      hash BLOB NOT NULL UNIQUE,
      created_at INTEGER NOT NULL
    )`
  ],
  mssql: [
    `CREATE TABLE histories (
      user_no BIGINT NOT NULL PRIMARY KEY REFERENCES users (user_no) ON DELETE CASCADE,
      last_at BIGINT NOT NULL,
      events VARBINARY(MAX) NOT NULL
    )`,
    "CREATE INDEX histories_by_age ON histories (last_at)",
    `CREATE TABLE audits (
      audit_no BIGINT IDENTITY(1, 1) NOT NULL PRIMARY KEY,
      at BIGINT NOT NULL,
      actor NVARCHAR(400) COLLATE Latin1_General_BIN2 NOT NULL,
      action NVARCHAR(100) COLLATE Latin1_General_BIN2 NOT NULL,
      target NVARCHAR(MAX) COLLATE Latin1_General_BIN2 NOT NULL,
      outcome NVARCHAR(100) COLLATE Latin1_General_BIN2 NOT NULL
    )`,
    "CREATE INDEX audits_by_age ON audits (at)",
    `CREATE TABLE admin_tokens (
      token_no BIGINT IDENTITY(1, 1) NOT NULL PRIMARY KEY,
      label NVARCHAR(400) COLLATE Latin1_General_BIN2 NOT NULL,
      hash VARBINARY(64) NOT NULL UNIQUE,
      created_at BIGINT NOT NULL
    )`
  ]
} satisfies Statements
