/** Which words a database is spoken to in. */
export type Dialect = "sqlite" | "mssql"

/** The statements around those of the steps, which note in table `schema_versions` what was done. */
export interface Bookkeeping {
  /** First in the transaction: waits for other migrations, and makes the table. */
  readonly prepare: ReadonlyArray<string>
  /** Answers `found`, the version; null = none. Fails if the table is not there. */
  readonly found: string
  readonly note: (step: { readonly version: number; readonly name: string }) => string
  /** The whole as one text for somebody who runs it by hand; does nothing to a database that is not of version `from` any more. */
  readonly script: (from: number, statements: ReadonlyArray<string>) => string
}

export const bookkeepingOf = (dialect: Dialect): Bookkeeping => (dialect === "mssql" ? mssql : sqlite)

const FOUND = "SELECT MAX(version) AS found FROM schema_versions"

/** A transaction that began by writing has the lock of the file already. */
const sqlite: Bookkeeping = {
  prepare: [
    "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)"
  ],
  found: FOUND,
  note: ({ name, version }) => `INSERT INTO schema_versions (version, name) VALUES (${version}, '${name}')`,
  script: (from, statements) =>
    lines([
      `-- For a database of schema ${from}, by: sqlite3 -bail FILE`,
      "BEGIN IMMEDIATE;",
      ...[...sqlite.prepare, ...statements].map((statement) => `${statement};`),
      "COMMIT;"
    ])
}

/** ms that another node's migration may take. */
const LOCK_WAIT = 120_000

/**
 * sp_getapplock needs no right: https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql
 * The lock ends with the transaction.
 */
const mssql: Bookkeeping = {
  prepare: [
    `DECLARE @lock INT;
EXEC @lock = sp_getapplock @Resource = N'ENS schema', @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = ${LOCK_WAIT};
IF @lock < 0 THROW 51001, N'another migration of this database does not end', 1`,
    `IF OBJECT_ID(N'schema_versions', N'U') IS NULL
CREATE TABLE schema_versions (version BIGINT NOT NULL PRIMARY KEY, name NVARCHAR(200) NOT NULL)`
  ],
  found: FOUND,
  note: ({ name, version }) => `INSERT INTO schema_versions (version, name) VALUES (${version}, N'${name}')`,
  // One batch: an error ends it and the transaction with it, whereas the batches that follow one would go on.
  script: (from, statements) =>
    lines([
      `-- For a database of schema ${from}, as the login that ENS uses or another one with the same default schema.`,
      "SET XACT_ABORT ON;",
      "BEGIN TRANSACTION;",
      ...mssql.prepare.map((statement) => `${statement};`),
      `IF (SELECT COALESCE(MAX(version), 0) FROM schema_versions) <> ${from} THROW 51002, N'this database is not of schema ${from} any more', 1;`,
      ...statements.map((statement) => `${statement};`),
      "COMMIT TRANSACTION;",
      "GO"
    ])
}

const lines = (texts: ReadonlyArray<string>) => texts.join("\n")
