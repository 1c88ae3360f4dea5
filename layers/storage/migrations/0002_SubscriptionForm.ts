import type { Statements } from "../Migrations.ts"

/**
 * As what a subscription was made (digest of the public URL and all else that its callback URL is made of), so that one
 * made otherwise is told apart after the settings changed. NULL = not known.
 */
export default {
  sqlite: ["ALTER TABLE subscriptions ADD COLUMN form INTEGER"],
  mssql: ["ALTER TABLE subscriptions ADD form BIGINT NULL"]
} satisfies Statements
