import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"

/**
 * All tables of the first version. A user's rows are spread by how they change and how big they are: wrapped keys (three
 * to a page, written once) away from what every callback rewrites. Enumerations are stored as the words that
 * schemas/ has for them, times as milliseconds since 1970, lists as JSON. Numbers of users, tokens and tenants are never
 * used twice.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  for (const statement of statements) yield* sql.unsafe(statement)
})

const ofUser = "INTEGER NOT NULL REFERENCES users (user_no) ON DELETE CASCADE"
const oneOfUser = "INTEGER PRIMARY KEY NOT NULL REFERENCES users (user_no) ON DELETE CASCADE"

const statements = [
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
