import { join } from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { type Migration, migrate, migrations } from "../../../layers/storage/Migrations.ts"
import * as SqliteClient from "../../../layers/storage/SqliteClient.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

const onEmpty = <E>(body: Effect.Effect<void, E, SqlClient.SqlClient | Scope.Scope>) =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, "test.db")
    yield* Effect.provideServiceEffect(body, SqlClient.SqlClient, SqliteClient.make(file))
  })

const step = (version: number, ...statements: ReadonlyArray<string>): Migration => ({
  version,
  name: `step ${version}`,
  statements: { sqlite: statements, mssql: statements }
})

const tables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ name: string }>`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`
  return rows.map((row) => row.name)
})

it.scoped("makes the schema once, and does nothing when it is there", () =>
  onEmpty(
    Effect.gen(function* () {
      expect(yield* migrate()).toEqual(migrations.map(({ name }) => name))
      expect(yield* tables).toContain("users")
      expect(yield* migrate()).toEqual([])
    })
  )
)

it.scoped("a database of the first version keeps its subscriptions, whose form is not known", () =>
  onEmpty(
    Effect.gen(function* () {
      yield* migrate(migrations.slice(0, 1))
      const sql = yield* SqlClient.SqlClient
      yield* sql`INSERT INTO tenants VALUES (1, 'default', '[]', '[]', 0)`
      yield* sql`
        INSERT INTO users (user_no, tenant_no, user_id, bucket, created_at, seal_key)
        VALUES (1, 1, x'00', 0, 1, x'00')`
      yield* sql`
        INSERT INTO subscriptions
        VALUES (1, 7, 'id', 'https://mail.example.com/', 'Exchange2016', 'Basic', NULL, 5, 'Active', 6, 0)`
      expect(yield* migrate()).toEqual(migrations.slice(1).map(({ name }) => name))
      expect(yield* sql`SELECT generation, form FROM subscriptions`).toEqual([{ generation: 7, form: null }])
    })
  )
)

it.scoped("a database of the second version keeps its devices, which have no push endpoint", () =>
  onEmpty(
    Effect.gen(function* () {
      yield* migrate(migrations.slice(0, 2))
      const sql = yield* SqlClient.SqlClient
      yield* sql`INSERT INTO tenants VALUES (1, 'default', '[]', '[]', 0)`
      yield* sql`
        INSERT INTO users (user_no, tenant_no, user_id, bucket, created_at, seal_key)
        VALUES (1, 1, x'00', 0, 1, x'00')`
      yield* sql`
        INSERT INTO devices VALUES (1, 'phone', 1, 'iOS', 'app', NULL, 1, NULL, 'production', 5, '[]')`
      expect(yield* migrate()).toEqual(migrations.slice(2).map(({ name }) => name))
      expect(yield* sql`SELECT token, endpoint_arn, endpoint_registered_at FROM devices`).toEqual([
        { token: "phone", endpoint_arn: null, endpoint_registered_at: null }
      ])
    })
  )
)

it.scoped("a database of the third version keeps its hot states, in which no gap is known", () =>
  onEmpty(
    Effect.gen(function* () {
      yield* migrate(migrations.slice(0, 3))
      const sql = yield* SqlClient.SqlClient
      yield* sql`INSERT INTO tenants VALUES (1, 'default', '[]', '[]', 0)`
      yield* sql`
        INSERT INTO users (user_no, tenant_no, user_id, bucket, created_at, seal_key)
        VALUES (1, 1, x'00', 0, 1, x'00')`
      yield* sql`INSERT INTO hot_states VALUES (1, 7, 'mark', 5, 2, 2, x'')`
      expect(yield* migrate()).toEqual(migrations.slice(3).map(({ name }) => name))
      expect(yield* sql`SELECT watermark, gap_since FROM hot_states`).toEqual([
        { watermark: "mark", gap_since: null }
      ])
    })
  )
)

it.scoped("a database of the eighth version keeps its tokens, which do not end and were never seen", () =>
  onEmpty(
    Effect.gen(function* () {
      yield* migrate(migrations.slice(0, 8))
      const sql = yield* SqlClient.SqlClient
      yield* sql`INSERT INTO tenants VALUES (1, 'default', '[]', '[]', 0)`
      yield* sql`INSERT INTO api_tokens VALUES (1, 1, 'phones', x'00', 5)`
      yield* sql`INSERT INTO admin_tokens VALUES (1, 'night', x'01', 6)`
      expect(yield* migrate()).toEqual(["TokenLife", "TokenReplaced"])
      const life = { last_used_at: null, replaced_at: null, expires_at: null }
      expect(yield* sql`SELECT label, last_used_at, replaced_at, expires_at FROM api_tokens`).toEqual([
        { label: "phones", ...life }
      ])
      expect(yield* sql`SELECT label, last_used_at, replaced_at, expires_at FROM admin_tokens`).toEqual([
        { label: "night", ...life }
      ])
    })
  )
)

it.scoped("runs what is missing, in order", () =>
  onEmpty(
    Effect.gen(function* () {
      const first = step(1, "CREATE TABLE one (x INTEGER)")
      const second = step(2, "ALTER TABLE one ADD COLUMN y INTEGER")
      const third = step(4, "INSERT INTO one (x, y) VALUES (1, 2)")
      expect(yield* migrate([first])).toEqual(["step 1"])
      expect(yield* migrate([first, second, third])).toEqual(["step 2", "step 4"])
      const sql = yield* SqlClient.SqlClient
      expect(yield* sql`SELECT x, y FROM one`).toEqual([{ x: 1, y: 2 }])
    })
  )
)

it.scoped("several starting at once make it once", () =>
  onEmpty(
    Effect.gen(function* () {
      const done = yield* Effect.all([migrate(), migrate(), migrate()], { concurrency: "unbounded" })
      expect(done.flat()).toEqual(migrations.map(({ name }) => name))
    })
  )
)

it.scoped("a step that fails leaves the schema as it was", () =>
  onEmpty(
    Effect.gen(function* () {
      const good = step(1, "CREATE TABLE one (x INTEGER)")
      const bad = step(2, "CREATE TABLE one (x INTEGER)")
      expect((yield* Effect.flip(migrate([good, bad])))._tag).toBe("SqlError")
      expect(yield* tables).toEqual([])
      expect(yield* migrate([good])).toEqual(["step 1"])
    })
  )
)

it.scoped("refuses a database of a newer version and does not touch it", () =>
  onEmpty(
    Effect.gen(function* () {
      yield* migrate([step(1, "CREATE TABLE one (x INTEGER)"), step(99)])
      const before = yield* tables
      const error = yield* Effect.flip(migrate())
      expect(error).toMatchObject({ _tag: "SchemaTooNew", found: 99, known: migrations.at(-1)!.version })
      expect(yield* tables).toEqual(before)
    })
  )
)
