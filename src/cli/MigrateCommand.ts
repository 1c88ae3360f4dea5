import { Command, Options } from "@effect/cli"
import { Console, Effect, Either, Redacted } from "effect"
import * as MigrationPlan from "../../layers/storage/MigrationPlan.ts"
import { parseMssqlUrl } from "../../layers/storage/mssql/MssqlUrl.ts"
import { Storage } from "../../layers/storage/Storage.ts"
import { Settings } from "../../schemas/Settings.ts"
import * as Service from "../Service.ts"
import { withSettings } from "./Administer.ts"
import { CommandProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"
import * as Progress from "./Progress.ts"

const dryRun = Options.boolean("dry-run").pipe(
  Options.withDescription("Print the SQL that would be run, for who runs it by hand; changes nothing")
)

/** `ens migrate`: opening the database brings its schema up to date, and so does `ens start`. */
export const migrateCommand = Command.make("migrate", { configFile, dryRun, json }, (given) =>
  Effect.gen(function* () {
    if (given.dryRun)
      return yield* withSettings(given.configFile, Effect.flatMap(plan, given.json ? printJson : print))
    const progress = yield* Progress.Progress
    const { found, known, missing } = yield* withSettings(given.configFile, plan)
    yield* progress.step(
      missing.length === 0
        ? "the database is opened"
        : `the database's schema is brought up to date: ${missing.join(", ")}`
    )
    const database = yield* withSettings(
      given.configFile,
      Effect.provide(
        Effect.map(Storage, ({ location }) => location),
        Service.data
      )
    )
    yield* progress.clear
    yield* Console.log(
      given.json
        ? JSON.stringify({ database, found, version: known, done: missing })
        : [
            ...missing.map((name) => `done: ${name}`),
            `the schema of ${database} is up to date${missing.length === 0 ? "; nothing was to do" : ""}`
          ].join("\n")
    )
  }).pipe(Progress.shown(given.json))
).pipe(Command.withDescription("Bring the database's schema up to date"))

const plan = Effect.gen(function* () {
  const { databaseUrl } = yield* Settings
  const url = Redacted.value(databaseUrl)
  if (url.startsWith("file:")) return yield* MigrationPlan.ofSqlite(url.slice("file:".length))
  return yield* Either.match(parseMssqlUrl(databaseUrl), {
    onLeft: (problem) => Effect.fail(new CommandProblem({ problem })),
    onRight: MigrationPlan.ofMssql
  })
})

const print = ({ database, sql }: MigrationPlan.MigrationPlan) =>
  Console.log(sql === "" ? `nothing to do: the schema of ${database} is up to date` : sql)

const printJson = (found: MigrationPlan.MigrationPlan) => Console.log(JSON.stringify(found))
