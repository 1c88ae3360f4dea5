import { Command } from "@effect/cli"
import { Console, Effect } from "effect"
import { Storage } from "../../layers/storage/Storage.ts"
import { withStorage } from "./Administer.ts"
import { configFile, json } from "./CommonOptions.ts"

/** `ens migrate`: opening the database brings its schema up to date, and so does `ens start`. */
export const migrateCommand = Command.make("migrate", { configFile, json }, (given) =>
  Effect.gen(function* () {
    const database = yield* withStorage(
      given.configFile,
      Effect.map(Storage, ({ location }) => location)
    )
    yield* Console.log(given.json ? JSON.stringify({ database }) : `the schema of ${database} is up to date`)
  })
).pipe(Command.withDescription("Bring the database's schema up to date"))
