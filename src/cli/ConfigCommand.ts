import { Command } from "@effect/cli"
import { Console, Effect } from "effect"
import { Settings } from "../../schemas/Settings.ts"
import { describe } from "../Config.ts"
import { withSettings } from "./Administer.ts"
import { configFile, json } from "./CommonOptions.ts"
import { textTable } from "./TextTable.ts"

/** `ens config`: the effective settings, secrets hidden. */
export const configCommand = Command.make("config", { configFile, json }, (given) =>
  Effect.gen(function* () {
    const rows = yield* withSettings(given.configFile, Effect.map(Settings, describe))
    yield* Console.log(
      given.json
        ? JSON.stringify(Object.fromEntries(rows.map(({ name, value }) => [name, value])))
        : textTable(
            ["SETTING", "VALUE", "MEANING"],
            rows.map(({ name, value, about }) => [name, value === "" ? "-" : value, about])
          )
    )
  })
).pipe(Command.withDescription("Print every setting with its effective value"))
