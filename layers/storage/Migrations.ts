import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import { SchemaTooNew } from "../../schemas/StorageError.ts"
import foundation from "./migrations/0001_Foundation.ts"
import subscriptionForm from "./migrations/0002_SubscriptionForm.ts"
import pushEndpoint from "./migrations/0003_PushEndpoint.ts"
import gapSince from "./migrations/0004_GapSince.ts"
import tenure from "./migrations/0005_Tenure.ts"
import keyVersions from "./migrations/0006_KeyVersions.ts"
import seenDevices from "./migrations/0007_SeenDevices.ts"

export interface Migration {
  /** Rising; once released neither number nor content changes. */
  readonly version: number
  readonly name: string
  readonly run: Effect.Effect<void, SqlError, SqlClient.SqlClient>
}

/** All steps of the schema, in order. */
export const migrations: ReadonlyArray<Migration> = [
  { version: 1, name: "Foundation", run: foundation },
  { version: 2, name: "SubscriptionForm", run: subscriptionForm },
  { version: 3, name: "PushEndpoint", run: pushEndpoint },
  { version: 4, name: "GapSince", run: gapSince },
  { version: 5, name: "Tenure", run: tenure },
  { version: 6, name: "KeyVersions", run: keyVersions },
  { version: 7, name: "SeenDevices", run: seenDevices }
]

/**
 * Brings the database up to the last of `steps`; answers the names of what was done. All or nothing, in one transaction
 * that locks other writers out, so several processes may start at once. There is no way back: a database that is newer
 * than `steps` is refused.
 */
export const migrate = (
  steps: ReadonlyArray<Migration> = migrations
): Effect.Effect<ReadonlyArray<string>, SqlError | SchemaTooNew, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return yield* sql.withTransaction(
      Effect.gen(function* () {
        yield* sql`CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)`
        const [row] = yield* sql<{ found: number | null }>`SELECT MAX(version) AS found FROM schema_versions`
        const found = row?.found ?? 0
        const known = Math.max(0, ...steps.map((step) => step.version))
        if (found > known) return yield* new SchemaTooNew({ found, known })
        const missing = steps.filter((step) => step.version > found)
        for (const { version, name, run } of missing) {
          yield* run
          yield* sql`INSERT INTO schema_versions ${sql.insert({ version, name })}`
        }
        return missing.map((step) => step.name)
      })
    )
  })
