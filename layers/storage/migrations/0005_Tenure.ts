import type { Statements } from "../Migrations.ts"

/**
 * Which node acts (`layers/ownership`). `leases` is rewritten every few seconds, `epochs` only when another node takes over,
 * because every write looks at it.
 */
export default {
  sqlite: [
    `CREATE TABLE leases (
      name TEXT PRIMARY KEY NOT NULL, holder TEXT NOT NULL, host TEXT NOT NULL, epoch INTEGER NOT NULL, expires_at INTEGER NOT NULL
    )`,
    "CREATE TABLE epochs (name TEXT PRIMARY KEY NOT NULL, epoch INTEGER NOT NULL)"
  ],
  mssql: [
    `CREATE TABLE leases (
      name NVARCHAR(100) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY,
      holder NVARCHAR(200) COLLATE Latin1_General_BIN2 NOT NULL,
      host NVARCHAR(400) COLLATE Latin1_General_BIN2 NOT NULL,
      epoch BIGINT NOT NULL,
      expires_at BIGINT NOT NULL
    )`,
    `CREATE TABLE epochs (
      name NVARCHAR(100) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY,
      epoch BIGINT NOT NULL
    )`
  ]
} satisfies Statements
