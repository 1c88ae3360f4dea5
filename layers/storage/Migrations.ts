import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import { SchemaTooNew } from "../../schemas/StorageError.ts"
import { bookkeepingOf, type Dialect } from "./MigrationBook.ts"
import foundation from "./migrations/0001_Foundation.ts"
import subscriptionForm from "./migrations/0002_SubscriptionForm.ts"
import pushEndpoint from "./migrations/0003_PushEndpoint.ts"
import gapSince from "./migrations/0004_GapSince.ts"
import tenure from "./migrations/0005_Tenure.ts"
import keyVersions from "./migrations/0006_KeyVersions.ts"
import seenDevices from "./migrations/0007_SeenDevices.ts"
import operations from "./migrations/0008_Operations.ts"
import tokenLife from "./migrations/0009_TokenLife.ts"
import tokenReplaced from "./migrations/0010_TokenReplaced.ts"

/** What a step is in each dialect: statements without parameters, one after another. */
export type Statements = Readonly<Record<Dialect, ReadonlyArray<string>>>

export interface Migration {
  /** Rising; once released neither number nor content changes. */
  readonly version: number
  readonly name: string
  readonly statements: Statements
}

/** All steps of the schema, in order. */
export const migrations: ReadonlyArray<Migration> = [
  { version: 1, name: "Foundation", statements: foundation },
  { version: 2, name: "SubscriptionForm", statements: subscriptionForm },
  { version: 3, name: "PushEndpoint", statements: pushEndpoint },
  { version: 4, name: "GapSince", statements: gapSince },
  { version: 5, name: "Tenure", statements: tenure },
  { version: 6, name: "KeyVersions", statements: keyVersions },
  { version: 7, name: "SeenDevices", statements: seenDevices },
  { version: 8, name: "Operations", statements: operations },
  { version: 9, name: "TokenLife", statements: tokenLife },
  { version: 10, name: "TokenReplaced", statements: tokenReplaced }
]

/**
 * Brings the database up to the last of `steps`; answers the names of what was done. All or nothing, in one transaction
 * that locks other writers (SQLite) or other migrations (SQL Server) out, so several processes may start at once. There is
 * no way back: a database that is newer than `steps` is refused.
 */
export const migrate = (
  steps: ReadonlyArray<Migration> = migrations
): Effect.Effect<ReadonlyArray<string>, SqlError | SchemaTooNew, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const dialect = sql.onDialectOrElse({ mssql: (): Dialect => "mssql", orElse: (): Dialect => "sqlite" })
    const { found, note, prepare } = bookkeepingOf(dialect)
    return yield* sql.withTransaction(
      Effect.gen(function* () {
        for (const statement of prepare) yield* sql.unsafe(statement)
        const [row] = yield* sql.unsafe<{ found: number | null }>(found)
        const missing = yield* missingSteps(row?.found ?? 0, steps)
        for (const step of missing)
          for (const statement of [...step.statements[dialect], note(step)]) yield* sql.unsafe(statement)
        return missing.map((step) => step.name)
      })
    )
  })

/** The steps that a database of version `found` lacks; 0 = it is empty. */
export const missingSteps = (
  found: number,
  steps: ReadonlyArray<Migration> = migrations
): Effect.Effect<ReadonlyArray<Migration>, SchemaTooNew> => {
  const known = versionOf(steps)
  return found > known
    ? Effect.fail(new SchemaTooNew({ found, known }))
    : Effect.succeed(steps.filter((step) => step.version > found))
}

/** The version of a database in which all `steps` are done. */
export const versionOf = (steps: ReadonlyArray<Migration>): number =>
  Math.max(0, ...steps.map((step) => step.version))
