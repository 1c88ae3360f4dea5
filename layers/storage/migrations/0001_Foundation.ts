import type { Statements } from "../Migrations.ts"

/**
 * All tables of the first version. A user's rows are spread by how they change and how big they are: wrapped keys (three
 * to a page, written once) away from what every callback rewrites. Enumerations are stored as the words that
 * schemas/ has for them, times as milliseconds since 1970, lists as JSON. Numbers of users, tokens and tenants are never
 * used twice.
 *
 * SQL Server: texts have a collation of their own, so that they are compared exactly whatever the database's is. `_hash` columns: see sql/Dialect.ts; keys of indexes have at most 1,700 bytes
 * (https://learn.microsoft.com/sql/sql-server/maximum-capacity-specifications-for-sql-server). No index is filtered: those
 * make every connection fail that writes with other SET options than the one that made them.
 */
export default { sqlite: sqlite(), mssql: mssql() } satisfies Statements

function sqlite() {
  const ofUser = "INTEGER NOT NULL REFERENCES users (user_no) ON DELETE CASCADE"
  const oneOfUser = "INTEGER PRIMARY KEY NOT NULL REFERENCES users (user_no) ON DELETE CASCADE"
  return [
    "CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL)",

    `CREATE TABLE tenants (
      tenant_no INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL UNIQUE,
      ews_urls TEXT NOT NULL,
      ews_pins TEXT NOT NULL,
      seg INTEGER NOT NULL
    )`,
    `CREATE TABLE api_tokens (
      token_no INTEGER PRIMARY KEY AUTOINCREMENT,
      tenant_no INTEGER NOT NULL REFERENCES tenants (tenant_no),
      label TEXT NOT NULL,
      hash BLOB NOT NULL UNIQUE,
      created_at INTEGER NOT NULL
    )`,

    "CREATE TABLE pool_keys (key_no INTEGER PRIMARY KEY AUTOINCREMENT, wrapped BLOB NOT NULL)",

    `CREATE TABLE users (
      user_no INTEGER PRIMARY KEY AUTOINCREMENT,
      tenant_no INTEGER NOT NULL REFERENCES tenants (tenant_no),
      user_id BLOB NOT NULL,
      bucket INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      seal_key BLOB NOT NULL,
      fingerprint BLOB,
      refused INTEGER NOT NULL DEFAULT 0,
      last_device_no INTEGER NOT NULL DEFAULT 0,
      UNIQUE (tenant_no, user_id)
    )`,
    "CREATE INDEX users_by_bucket ON users (bucket)",
    "CREATE INDEX users_unregistered ON users (created_at) WHERE fingerprint IS NULL",
    `CREATE TABLE registration_keys (user_no ${oneOfUser}, wrapped BLOB NOT NULL)`,
    `CREATE TABLE callback_keys (user_no ${oneOfUser}, wrapped BLOB NOT NULL)`,

    `CREATE TABLE subscriptions (
      user_no ${oneOfUser},
      generation INTEGER NOT NULL,
      subscription_id TEXT,
      ews_url TEXT NOT NULL,
      exchange_version TEXT NOT NULL,
      auth_type TEXT NOT NULL,
      token_expires_at INTEGER,
      subscribed_at INTEGER NOT NULL,
      link TEXT NOT NULL,
      link_since INTEGER NOT NULL,
      nudges INTEGER NOT NULL
    )`,
    `CREATE TABLE hot_states (
      user_no ${oneOfUser},
      generation INTEGER NOT NULL,
      watermark TEXT,
      last_heard INTEGER NOT NULL,
      unread INTEGER,
      badge INTEGER,
      ledger BLOB NOT NULL
    )`,
    `CREATE TABLE partials (
      user_no ${ofUser},
      generation INTEGER NOT NULL,
      ciphertext BLOB NOT NULL,
      PRIMARY KEY (user_no, generation)
    )`,

    `CREATE TABLE devices (
      user_no ${ofUser},
      token TEXT NOT NULL,
      device_no INTEGER NOT NULL,
      platform TEXT NOT NULL,
      bundle_id TEXT NOT NULL,
      device_id TEXT,
      policy INTEGER NOT NULL,
      sound TEXT,
      environment TEXT NOT NULL,
      registered_at INTEGER NOT NULL,
      nudged_at TEXT NOT NULL DEFAULT '[]',
      PRIMARY KEY (user_no, token)
    ) WITHOUT ROWID`,

    `CREATE TABLE outbox (
      entry_no INTEGER PRIMARY KEY AUTOINCREMENT,
      user_no ${ofUser},
      device_no INTEGER NOT NULL,
      kind TEXT NOT NULL,
      item_id TEXT NOT NULL,
      queued_at INTEGER NOT NULL,
      platform TEXT NOT NULL,
      UNIQUE (user_no, device_no, kind, item_id)
    )`,
    "CREATE INDEX outbox_by_age ON outbox (platform, queued_at, entry_no)",

    `CREATE TABLE dead_letters (
      letter_no INTEGER PRIMARY KEY AUTOINCREMENT,
      user_no ${ofUser},
      digest TEXT NOT NULL,
      reason TEXT NOT NULL,
      noted_at INTEGER NOT NULL
    )`,
    "CREATE INDEX dead_letters_by_user ON dead_letters (user_no)"
  ]
}

function mssql() {
  const number = "BIGINT IDENTITY(1, 1) NOT NULL PRIMARY KEY"
  const ofUser = "BIGINT NOT NULL REFERENCES users (user_no) ON DELETE CASCADE"
  const oneOfUser = "BIGINT NOT NULL PRIMARY KEY REFERENCES users (user_no) ON DELETE CASCADE"
  const exact = "COLLATE Latin1_General_BIN2"
  return [
    `CREATE TABLE meta (name NVARCHAR(200) ${exact} NOT NULL PRIMARY KEY, value VARBINARY(MAX) NOT NULL)`,

    `CREATE TABLE tenants (
      tenant_no ${number},
      name NVARCHAR(400) ${exact} NOT NULL UNIQUE,
      ews_urls NVARCHAR(MAX) ${exact} NOT NULL,
      ews_pins NVARCHAR(MAX) ${exact} NOT NULL,
      seg BIGINT NOT NULL
    )`,
    `CREATE TABLE api_tokens (
      token_no ${number},
      tenant_no BIGINT NOT NULL REFERENCES tenants (tenant_no),
      label NVARCHAR(400) ${exact} NOT NULL,
      hash VARBINARY(64) NOT NULL UNIQUE,
      created_at BIGINT NOT NULL
    )`,

    `CREATE TABLE pool_keys (key_no ${number}, wrapped VARBINARY(MAX) NOT NULL)`,

    `CREATE TABLE users (
      user_no ${number},
      tenant_no BIGINT NOT NULL REFERENCES tenants (tenant_no),
      user_id VARBINARY(64) NOT NULL,
      bucket BIGINT NOT NULL,
      created_at BIGINT NOT NULL,
      seal_key VARBINARY(MAX) NOT NULL,
      fingerprint VARBINARY(64) NULL,
      refused BIGINT NOT NULL DEFAULT 0,
      last_device_no BIGINT NOT NULL DEFAULT 0,
      UNIQUE (tenant_no, user_id)
    )`,
    "CREATE INDEX users_by_bucket ON users (bucket)",
    "CREATE INDEX users_unregistered ON users (fingerprint, created_at)",
    `CREATE TABLE registration_keys (user_no ${oneOfUser}, wrapped VARBINARY(MAX) NOT NULL)`,
    `CREATE TABLE callback_keys (user_no ${oneOfUser}, wrapped VARBINARY(MAX) NOT NULL)`,

    `CREATE TABLE subscriptions (
      user_no ${oneOfUser},
      generation BIGINT NOT NULL,
      subscription_id NVARCHAR(MAX) ${exact} NULL,
      ews_url NVARCHAR(MAX) ${exact} NOT NULL,
      exchange_version NVARCHAR(100) ${exact} NOT NULL,
      auth_type NVARCHAR(100) ${exact} NOT NULL,
      token_expires_at BIGINT NULL,
      subscribed_at BIGINT NOT NULL,
      link NVARCHAR(100) ${exact} NOT NULL,
      link_since BIGINT NOT NULL,
      nudges BIGINT NOT NULL
    )`,
    `CREATE TABLE hot_states (
      user_no ${oneOfUser},
      generation BIGINT NOT NULL,
      watermark NVARCHAR(MAX) ${exact} NULL,
      last_heard BIGINT NOT NULL,
      unread BIGINT NULL,
      badge BIGINT NULL,
      ledger VARBINARY(MAX) NOT NULL
    )`,
    `CREATE TABLE partials (
      user_no ${ofUser},
      generation BIGINT NOT NULL,
      ciphertext VARBINARY(MAX) NOT NULL,
      PRIMARY KEY (user_no, generation)
    )`,

    `CREATE TABLE devices (
      user_no ${ofUser},
      token NVARCHAR(MAX) ${exact} NOT NULL,
      token_hash VARBINARY(32) NOT NULL,
      device_no BIGINT NOT NULL,
      platform NVARCHAR(100) ${exact} NOT NULL,
      bundle_id NVARCHAR(MAX) ${exact} NOT NULL,
      device_id NVARCHAR(MAX) ${exact} NULL,
      policy BIGINT NOT NULL,
      sound NVARCHAR(MAX) ${exact} NULL,
      environment NVARCHAR(100) ${exact} NOT NULL,
      registered_at BIGINT NOT NULL,
      nudged_at NVARCHAR(MAX) ${exact} NOT NULL DEFAULT N'[]',
      PRIMARY KEY (user_no, device_no),
      UNIQUE (user_no, token_hash)
    )`,

    `CREATE TABLE outbox (
      entry_no ${number},
      user_no ${ofUser},
      device_no BIGINT NOT NULL,
      kind NVARCHAR(100) ${exact} NOT NULL,
      item_id NVARCHAR(MAX) ${exact} NOT NULL,
      item_id_hash VARBINARY(32) NOT NULL,
      queued_at BIGINT NOT NULL,
      platform NVARCHAR(100) ${exact} NOT NULL,
      UNIQUE (user_no, device_no, kind, item_id_hash)
    )`,
    "CREATE INDEX outbox_by_age ON outbox (platform, queued_at, entry_no)",

    `CREATE TABLE dead_letters (
      letter_no ${number},
      user_no ${ofUser},
      digest NVARCHAR(400) ${exact} NOT NULL,
      reason NVARCHAR(MAX) ${exact} NOT NULL,
      noted_at BIGINT NOT NULL
    )`,
    "CREATE INDEX dead_letters_by_user ON dead_letters (user_no)"
  ]
}
