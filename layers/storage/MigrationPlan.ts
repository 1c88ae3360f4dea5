import { existsSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import type { SchemaTooNew, StorageError } from "../../schemas/StorageError.ts"
import { bookkeepingOf, type Dialect } from "./MigrationBook.ts"
import { migrations, missingSteps, versionOf } from "./Migrations.ts"
import { openError } from "./MssqlStorage.ts"
import * as MssqlClient from "./mssql/MssqlClient.ts"
import { locationOf, type MssqlConfig } from "./mssql/MssqlUrl.ts"
import { storageError } from "./sql/Operation.ts"

/** What `migrate` would do. */
export interface MigrationPlan {
  /** Where the database is; no secrets. */
  readonly database: string
  /** The version it has, 0 = it is empty or not there. */
  readonly found: number
  /** The version it would have. */
  readonly known: number
  /** Names of the missing steps. */
  readonly missing: ReadonlyArray<string>
  /** All that would be run, for the database's own tools; "" if nothing is missing. */
  readonly sql: string
}

/** The plan for an embedded database; does not write, and does not make the file. */
export const ofSqlite = (file: string): Effect.Effect<MigrationPlan, StorageError | SchemaTooNew> =>
  Effect.try({
    try: () => versionInFile(file),
    catch: (cause) => storageError("open", new SqlError({ cause, message: `cannot read ${file}` }))
  }).pipe(Effect.flatMap((found) => plan("sqlite", file, found)))

/** The plan for a database of SQL Server, which must be there; only reads. */
export const ofMssql = (config: MssqlConfig): Effect.Effect<MigrationPlan, StorageError | SchemaTooNew> =>
  MssqlClient.single(config, config).pipe(
    Effect.flatMap((sql) =>
      Effect.gen(function* () {
        const [table] = yield* sql<{
          id: number | null
        }>`SELECT OBJECT_ID(N'schema_versions', N'U') AS id`
        if (table === undefined || table.id === null) return 0
        const [row] = yield* sql.unsafe<{ found: number | null }>(bookkeepingOf("mssql").found)
        return row?.found ?? 0
      })
    ),
    Effect.scoped,
    Effect.catchTag("SqlError", (error) => Effect.fail(openError(config, error))),
    Effect.flatMap((found) => plan("mssql", locationOf(config), found))
  )

const versionInFile = (file: string): number => {
  if (!existsSync(file)) return 0
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'schema_versions'").get()
    if (table === undefined) return 0
    return Number(database.prepare(bookkeepingOf("sqlite").found).get()?.["found"] ?? 0)
  } finally {
    database.close()
  }
}

const plan = (dialect: Dialect, database: string, found: number) =>
  Effect.map(missingSteps(found), (steps): MigrationPlan => {
    const { note, script } = bookkeepingOf(dialect)
    const statements = steps.flatMap((step) => [...step.statements[dialect], note(step)])
    return {
      database,
      found,
      known: versionOf(migrations),
      missing: steps.map(({ name }) => name),
      sql: steps.length === 0 ? "" : script(found, statements)
    }
  })
