import type { Statements } from "../Migrations.ts"

const TABLES = ["api_tokens", "admin_tokens"]

/**
 * Of tokens of both kinds: about when somebody last showed it (NULL = never), and when it ends (NULL = not by itself).
 */
export default {
  sqlite: TABLES.flatMap((table) => [
    `ALTER TABLE ${table} ADD COLUMN last_used_at INTEGER`,
    `ALTER TABLE ${table} ADD COLUMN expires_at INTEGER`
  ]),
  mssql: TABLES.flatMap((table) => [
    `ALTER TABLE ${table} ADD last_used_at BIGINT NULL`,
    `ALTER TABLE ${table} ADD expires_at BIGINT NULL`
  ])
} satisfies Statements
