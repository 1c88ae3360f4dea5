import type { Statements } from "../Migrations.ts"

const TABLES = ["api_tokens", "admin_tokens"]

/** Of tokens of both kinds: when another one was made to take its place, the first time (NULL = never, or not known). */
export default {
  sqlite: TABLES.map((table) => `ALTER TABLE ${table} ADD COLUMN replaced_at INTEGER`),
  mssql: TABLES.map((table) => `ALTER TABLE ${table} ADD replaced_at BIGINT NULL`)
} satisfies Statements
