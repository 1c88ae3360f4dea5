import type { Statements } from "../Migrations.ts"

/**
 * When a device's app was last heard of. NULL = when it registered.
 */
export default {
  sqlite: ["ALTER TABLE devices ADD COLUMN seen_at INTEGER"],
  mssql: ["ALTER TABLE devices ADD seen_at BIGINT NULL"]
} satisfies Statements
