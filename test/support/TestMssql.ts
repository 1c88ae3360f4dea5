import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { describe } from "@effect/vitest"
import { Effect, Either, Redacted, type Scope } from "effect"
import { migrate, migrations, versionOf } from "../../layers/storage/Migrations.ts"
import * as MssqlClient from "../../layers/storage/mssql/MssqlClient.ts"
import { type MssqlConfig, parseMssqlUrl } from "../../layers/storage/mssql/MssqlUrl.ts"
import type { SchemaTooNew } from "../../schemas/StorageError.ts"

const url = process.env["ENS_TEST_MSSQL_URL"]

/** A server may share a small machine with the tests, and takes long over a statement that is new to a connection. */
const PATIENCE = { connectTimeout: 20_000, requestTimeout: 20_000 }

/** The database that tests may empty: ENS_TEST_MSSQL_URL. Undefined = this machine has none. */
export const testMssql: MssqlConfig | undefined =
  url === undefined || url === ""
    ? undefined
    : {
        ...Either.getOrThrowWith(parseMssqlUrl(Redacted.make(url)), (problem) => new Error(problem)),
        ...PATIENCE
      }

/** ms for a test on that server. */
export const MSSQL_TEST_TIME = 180_000

/** Tests that need a real server; what keeps them from running is said in their name. */
export const describeMssql = (name: string, tests: (config: MssqlConfig) => void): void => {
  if (testMssql === undefined) {
    describe.skip(`${name} [SKIPPED: ENS_TEST_MSSQL_URL names no server to test on]`, () => {
      tests({ ...NOWHERE })
    })
  } else describe(name, { timeout: MSSQL_TEST_TIME }, () => tests(testMssql!))
}

/**
 * The database for one test alone until the scope ends; others wait. Answers a client with which to look into it. It has
 * whatever the last test left.
 */
export const alone = (config: MssqlConfig): Effect.Effect<SqlClient.SqlClient, SqlError, Scope.Scope> =>
  Effect.tap(
    MssqlClient.single(config, { connectTimeout: 5000, requestTimeout: WAIT }),
    (sql) => sql`
      DECLARE @lock INT;
      EXEC @lock = sp_getapplock @Resource = N'ENS tests', @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = ${sql.literal(String(WAIT))};
      IF @lock < 0 THROW 51003, N'another test does not end', 1`
  )

/** The same with all tables of this version, and nothing in them. */
export const emptied = (
  config: MssqlConfig
): Effect.Effect<SqlClient.SqlClient, SqlError | SchemaTooNew, Scope.Scope> =>
  Effect.gen(function* () {
    const sql = yield* alone(config)
    if ((yield* versionIn(sql)) === versionOf(migrations)) {
      yield* sql.unsafe(EMPTY)
    } else {
      yield* dropTables(sql)
      yield* Effect.provideService(migrate(), SqlClient.SqlClient, sql)
    }
    return sql
  })

/** The same with no tables. */
export const bare = (config: MssqlConfig) => Effect.tap(alone(config), dropTables)

const dropTables = (sql: SqlClient.SqlClient) =>
  Effect.forEach(TABLES, (table) => sql.unsafe(`DROP TABLE IF EXISTS ${table}`), { discard: true })

const versionIn = (sql: SqlClient.SqlClient) =>
  Effect.gen(function* () {
    const [table] = yield* sql<{ id: number | null }>`SELECT OBJECT_ID(N'schema_versions', N'U') AS id`
    if (table?.id === null) return 0
    const [row] = yield* sql<{ found: number | null }>`SELECT MAX(version) AS found FROM schema_versions`
    return row?.found ?? 0
  })

/** Those first that refer to others. */
const TABLES = [
  "histories",
  "audits",
  "admin_tokens",
  "former_keys",
  "dead_letters",
  "outbox",
  "devices",
  "partials",
  "hot_states",
  "subscriptions",
  "callback_keys",
  "registration_keys",
  "users",
  "api_tokens",
  "tenants",
  "pool_keys",
  "meta",
  "leases",
  "epochs",
  "schema_versions"
]

/** What belongs to users goes with them. */
const EMPTY = [
  "users",
  "api_tokens",
  "tenants",
  "pool_keys",
  "meta",
  "leases",
  "epochs",
  "audits",
  "admin_tokens"
]
  .map((table) => `DELETE FROM ${table};`)
  .join("\n")

/** ms that the tests of other files may take. */
const WAIT = 600_000

const NOWHERE: MssqlConfig = Either.getOrThrow(
  parseMssqlUrl(Redacted.make("mssql://nobody:nothing@127.0.0.1:1/none"))
)
