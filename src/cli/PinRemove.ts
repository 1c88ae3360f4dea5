import { Args, Command } from "@effect/cli"
import { Console, Effect } from "effect"
import * as CnsPins from "../../layers/push/CnsPins.ts"
import { Settings } from "../../schemas/Settings.ts"
import { withSettings } from "./Administer.ts"
import { CommandProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"

const pin = Args.text({ name: "PIN" }).pipe(
  Args.withDescription("As `ens pin list` shows it; its first 8 digits or more are enough")
)

/** `ens pin remove PIN` */
export const removeCommand = Command.make("remove", { pin, configFile, json }, (given) =>
  withSettings(
    given.configFile,
    Effect.gen(function* () {
      const { cns, dataDir } = yield* Settings
      const digits = given.pin.trim().replaceAll(":", "").toLowerCase()
      if (!/^[0-9a-f]{8,64}$/.test(digits))
        return yield* problem("PIN must be the first 8 to 64 hexadecimal digits of a pin; see: ens pin list")
      const stored = yield* CnsPins.read(dataDir)
      const meant = stored.filter((one) => one.pin.startsWith(digits))
      const [found] = meant
      if (meant.length > 1) return yield* problem(`several pins begin with ${digits}; give more digits`)
      if (found === undefined)
        return yield* problem(
          cns.pins.some((one) => one.startsWith(digits))
            ? `the pin ${digits} is in ENS_CNS_PINS; remove it there`
            : `there is no pin ${digits}; see: ens pin list`
        )
      yield* CnsPins.write(
        dataDir,
        stored.filter((one) => one !== found)
      )
      yield* Console.log(
        given.json
          ? JSON.stringify({ pin: found.pin, removed: true })
          : `${found.pin} is no pin any more, from the service's next start on`
      )
    })
  )
).pipe(Command.withDescription("Remove a pin of CNS"))

const problem = (text: string) => Effect.fail(new CommandProblem({ problem: text }))
