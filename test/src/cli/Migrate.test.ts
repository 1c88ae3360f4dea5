import { existsSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { SqlClient } from "@effect/sql/SqlClient"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { migrate, migrations } from "../../../layers/storage/Migrations.ts"
import * as SqliteClient from "../../../layers/storage/SqliteClient.ts"
import { ens, settingsFile } from "../../support/CommandLine.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"

/** A settings file that names a database file, which is not there yet. */
const setUp = Effect.gen(function* () {
  const file = join(yield* temporaryDirectory, "some.db")
  const { config } = yield* settingsFile({ ENS_DATABASE_URL: `file:${file}` })
  const dryRun = (...more: ReadonlyArray<string>) => ens("migrate", "--dry-run", ...more, "--config", config)
  const bringTo = (version: number) =>
    Effect.scoped(
      Effect.provideServiceEffect(migrate(migrations.slice(0, version)), SqlClient, SqliteClient.make(file))
    )
  return { file, config, dryRun, bringTo }
})

const schemaOf = (file: string) => {
  const database = new DatabaseSync(file, { readOnly: true })
  const schema = database.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").all()
  const versions = database.prepare("SELECT * FROM schema_versions").all()
  database.close()
  return { schema, versions }
}

it.scopedLive(
  "prints the SQL of a new database and does not make it; run by hand it makes the same one",
  () =>
    Effect.gen(function* () {
      const { bringTo, dryRun, file } = yield* setUp
      const { out } = yield* dryRun()
      expect(existsSync(file)).toBe(false)
      const byHand = join(yield* temporaryDirectory, "by-hand.db")
      const database = new DatabaseSync(byHand)
      database.exec(out)
      database.close()
      yield* bringTo(migrations.length)
      expect(schemaOf(byHand)).toEqual(schemaOf(file))
    })
)

it.scopedLive("prints what is missing only, from every earlier version, and changes nothing", () =>
  Effect.gen(function* () {
    const { bringTo, dryRun, file } = yield* setUp
    for (let version = 1; version < migrations.length; version++) {
      yield* bringTo(version)
      const before = schemaOf(file)
      const plan = JSON.parse((yield* dryRun("--json")).out)
      expect(plan).toEqual({
        database: file,
        found: version,
        known: migrations.at(-1)!.version,
        missing: migrations.slice(version).map(({ name }) => name),
        sql: (yield* dryRun()).out
      })
      expect(plan.sql).not.toContain("CREATE TABLE users")
      expect(plan.sql).toContain(`VALUES (${migrations[version]!.version}, '${migrations[version]!.name}');`)
      expect(schemaOf(file)).toEqual(before)
    }
  })
)

it.scopedLive("says when there is nothing to do, and refuses a database of a newer version", () =>
  Effect.gen(function* () {
    const { bringTo, dryRun, file } = yield* setUp
    yield* bringTo(migrations.length)
    expect((yield* dryRun()).out).toBe(`nothing to do: the schema of ${file} is up to date`)
    expect(JSON.parse((yield* dryRun("--json")).out)).toMatchObject({ missing: [], sql: "" })
    const database = new DatabaseSync(file)
    database.exec("INSERT INTO schema_versions VALUES (99, 'Future')")
    database.close()
    const refused = yield* dryRun()
    expect(refused).toMatchObject({ ok: false, out: "" })
    expect(refused.err).toContain("start the newer version again")
  })
)

it.scopedLive("a SQL Server that does not answer, or a URL that is none, is one line", () =>
  Effect.gen(function* () {
    const asked = (url: string) =>
      Effect.flatMap(settingsFile({ ENS_DATABASE_URL: url }), ({ config }) =>
        ens("migrate", "--dry-run", "--config", config)
      )
    const silent = yield* asked("mssql://ens:secret%21@127.0.0.1:1/ENS?encrypt=false")
    expect(silent.err).toMatch(/^ens: [^\n]*mssql:\/\/127\.0\.0\.1:1\/ENS: the server does not answer[^\n]*$/)
    expect(silent.err).not.toContain("secret")
    const wrong = yield* asked("mssql://ens:secret@127.0.0.1/ENS?encypt=false")
    expect(wrong.err).toMatch(/^ens: ENS_DATABASE_URL must [^\n]*encypt[^\n]*$/)
  })
)

it.scopedLive("names each step that it does, and none when there is nothing to do", () =>
  Effect.gen(function* () {
    const { bringTo, config, file } = yield* setUp
    const migrated = (...more: ReadonlyArray<string>) => ens("migrate", "--config", config, ...more)
    const before = migrations.length - 2
    yield* bringTo(before)
    const steps = migrations.slice(before).map(({ name }) => `done: ${name}`)
    expect((yield* migrated()).out.split("\n")).toEqual([...steps, `the schema of ${file} is up to date`])
    expect((yield* migrated()).out).toBe(`the schema of ${file} is up to date; nothing was to do`)
    expect(JSON.parse((yield* migrated("--json")).out)).toEqual({
      database: file,
      found: migrations.length,
      version: migrations.length,
      done: []
    })
  })
)
