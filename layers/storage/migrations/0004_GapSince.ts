import type { Statements } from "../Migrations.ts"

/**
 * Since when mails may have been missed for which nobody has looked yet. NULL = none were.
 */
export default {
  sqlite: ["ALTER TABLE hot_states ADD COLUMN gap_since INTEGER"],
  mssql: ["ALTER TABLE hot_states ADD gap_since BIGINT NULL"]
} satisfies Statements
