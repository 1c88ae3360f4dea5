import type { Statements } from "../Migrations.ts"

/**
 * Where a push service keeps a device (SNS), and for which registration that was made. NULL = with none.
 */
export default {
  sqlite: [
    "ALTER TABLE devices ADD COLUMN endpoint_arn TEXT",
    "ALTER TABLE devices ADD COLUMN endpoint_registered_at INTEGER"
  ],
  mssql: [
    "ALTER TABLE devices ADD endpoint_arn NVARCHAR(MAX) COLLATE Latin1_General_BIN2 NULL",
    "ALTER TABLE devices ADD endpoint_registered_at BIGINT NULL"
  ]
} satisfies Statements
